"""Which extra of joulecut brings a library that is not installed."""

from __future__ import annotations

from joulecut_core.errors import ConfigError

_RUNTIME = frozenset({"PIL", "pynvml", "safetensors"})
_AGENTS = frozenset(
    {
        "cryptography",
        "google",
        "google.protobuf",
        "grpc",
        "grpc_health",
        "grpc_reflection",
        "ifaddr",
        "platformdirs",
        "pythonjsonlogger",
        "uvloop",
        "xxhash",
        "zeroconf",
    }
)
_TORCH = "torch"


def how_to_install(library: str | None) -> str | None:
    """What to do where the module `library` is missing; None where none of joulecut's common extras brings it.

    A part of a library that is installed, as `torch.fx`, is none of them: that is another version, or a damaged one.
    """
    if library == _TORCH:
        return "install it with `pip install 'joulecut[agents,torch]'`, or, on a Jetson, as its vendor's build"
    if library in _AGENTS or library in _RUNTIME:
        return "install it with `pip install 'joulecut[agents]'`"
    return None


def not_installed(error: ModuleNotFoundError) -> ConfigError | None:
    """What a user is told of a library that a command needs; None where its absence is a defect."""
    remedy = how_to_install(error.name)
    return None if remedy is None else ConfigError(f"this needs {error.name}, which is not installed; {remedy}")
