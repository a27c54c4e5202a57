"""The declared slow-down: as slow as the slower of the two computations needs, never faster than real time."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from joulecut.demo import slowdown
from joulecut.demo.slowdown import needed_slowdown
from joulecut_core.timing import ScaledClock
from joulecut_runtime.capture import capture
from joulecut_runtime.network import Network


class Layers(nn.Module):
    """A few convolutions, by far the same on any device."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(nn.Conv2d(8, 8, 3, padding=1) for _ in range(4)))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layers(values)
        return result


@pytest.fixture(scope="module")
def network() -> Network:
    """The network, captured."""
    return Network(capture(Layers().eval(), (torch.zeros(1, 8, 64, 64),), name="layers"))


def _with_host(monkeypatch: pytest.MonkeyPatch, host_s: float) -> None:
    def known(network: Network) -> float:
        del network
        return host_s

    monkeypatch.setattr(slowdown, "_host_seconds", known)


def test_the_faster_device_decides(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host must keep up with every device, so the fastest one sets the factor; order does not matter."""
    _with_host(monkeypatch, 1.0)
    slow, fast = "emulated:tx2", "emulated:h100"
    alone = {name: needed_slowdown(network, (name,)) for name in (slow, fast)}
    assert alone[fast] > alone[slow]
    assert needed_slowdown(network, (slow, fast)) == needed_slowdown(network, (fast, slow)) == alone[fast]


def test_it_grows_with_the_hosts_slowness(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice as slow a host needs twice the factor, with room for the rest of the demo on the same cores."""
    factors = []
    for host_s in (0.5, 1.0):
        _with_host(monkeypatch, host_s)
        factors.append(needed_slowdown(network, ("emulated:t4",)))
    assert factors[1] == pytest.approx(2 * factors[0], abs=1)
    assert all(factor == int(factor) for factor in factors)


def test_a_fast_host_runs_in_real_time(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """The factor is never below one, and one is a factor that clocks take."""
    _with_host(monkeypatch, 1e-9)
    factor = needed_slowdown(network, ("emulated:tx2",))
    assert factor == 1.0
    assert ScaledClock(factor).wall_s(2.0) == 2.0


def test_the_host_is_measured(network: Network) -> None:
    """Without help it measures this host, and gives a factor that clocks take."""
    assert 1.0 <= needed_slowdown(network, ("emulated:orin-nano-15w",)) < 10_000.0
