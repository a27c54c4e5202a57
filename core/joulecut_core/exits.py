"""Exit codes of the command-line programs; each is documented in docs/reference-exit-codes.md."""

from __future__ import annotations

from enum import IntEnum

from joulecut_core.errors import (
    AccessError,
    BundleError,
    CaptureError,
    ConfigError,
    ContractError,
    DeviceError,
    FitError,
    JoulecutError,
    LinkError,
    PlanError,
    ProblemError,
    ProfileError,
)


class ExitCode(IntEnum):
    """What a program's exit status means to a service manager or a script."""

    OK = 0
    FAILED = 1
    BAD_INPUT = 2
    INFEASIBLE = 3
    DEVICE = 4
    UNREACHABLE = 5
    CONTRACT = 6
    ACCESS = 7
    INTERRUPTED = 130


_BY_ERROR: tuple[tuple[type[JoulecutError], ExitCode], ...] = (
    (ConfigError, ExitCode.BAD_INPUT),
    (CaptureError, ExitCode.BAD_INPUT),
    (BundleError, ExitCode.BAD_INPUT),
    (ProfileError, ExitCode.BAD_INPUT),
    (FitError, ExitCode.BAD_INPUT),
    (ProblemError, ExitCode.BAD_INPUT),
    (PlanError, ExitCode.INFEASIBLE),
    (DeviceError, ExitCode.DEVICE),
    (LinkError, ExitCode.UNREACHABLE),
    (ContractError, ExitCode.CONTRACT),
    (AccessError, ExitCode.ACCESS),
)


def exit_code(error: JoulecutError) -> ExitCode:
    """The exit code of a program that ends with this error."""
    for kind, code in _BY_ERROR:
        if isinstance(error, kind):
            return code
    return ExitCode.FAILED
