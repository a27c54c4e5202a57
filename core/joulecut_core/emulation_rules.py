"""What emulated devices can be told of their time and noise, known before any of them is opened."""

from __future__ import annotations

from joulecut_core.errors import ConfigError

_MOST = 10_000.0


def check_emulation(device: str, *, slowdown: float, seed: int) -> None:
    """Raise ConfigError where an agent could not run `device` so."""
    check_slowdown(slowdown)
    check_seed(seed)
    if slowdown != 1.0 and not device.startswith("emulated:"):
        raise ConfigError(f"slowdown: {slowdown} with {device}; only emulated devices can be slowed down")


def check_slowdown(slowdown: float) -> None:
    """Raise ConfigError where no clock runs so."""
    if not 1.0 <= slowdown <= _MOST:
        raise ConfigError(f"slowdown: {slowdown!r}; expected a factor between 1 and {_MOST:.0f}")


def check_seed(seed: int) -> None:
    """Raise ConfigError where no noise is drawn from it."""
    if seed < 0:
        raise ConfigError(f"seed: {seed!r}; expected a whole number of at least 0")
