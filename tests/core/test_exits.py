"""Exit codes: what a service manager or a script reacts to."""

from __future__ import annotations

import inspect

import pytest

from joulecut_core import errors
from joulecut_core.errors import (
    AccessError,
    BundleError,
    ClockError,
    ConfigError,
    ContractError,
    JoulecutError,
    LeaseError,
    LinkError,
    PlanError,
    ProblemError,
    ProfileError,
)
from joulecut_core.exits import ExitCode, exit_code

BRANCHES = [value for value in vars(errors).values() if inspect.isclass(value) and value is not JoulecutError]


@pytest.mark.parametrize("error", BRANCHES, ids=lambda error: error.__name__)
def test_every_branch_has_a_code_of_its_own_reaction(error: type[JoulecutError]) -> None:
    """A new branch of the tree must be given a code; the catch-all is for nothing else."""
    assert exit_code(error("x")) not in (ExitCode.OK, ExitCode.FAILED)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError, 2),
        (BundleError, 2),
        (ProfileError, 2),
        (ProblemError, 2),
        (PlanError, 3),
        (ClockError, 4),
        (LeaseError, 4),
        (LinkError, 5),
        (ContractError, 6),
        (AccessError, 7),
        (JoulecutError, 1),
    ],
)
def test_numbers_are_a_promise(error: type[JoulecutError], code: int) -> None:
    """Units and scripts name these numbers: they do not change."""
    assert int(exit_code(error("x"))) == code
