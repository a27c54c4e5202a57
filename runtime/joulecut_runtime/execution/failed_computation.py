"""A computation that fails by what it is given: it is one request's failure, not its device's or a policy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from joulecut_core.errors import JoulecutError

_T = TypeVar("_T")
_LONGEST_REASON = 160


class FailedComputationError(JoulecutError):
    """The library that computes complained, of an index out of range or a kernel that it has not got."""


def computed(work: Callable[[], _T]) -> _T:
    """What `work` gives.

    Raises joulecut's errors as they are, a device's among them; of every other a FailedComputationError with its
    first line.
    """
    try:
        return work()
    except JoulecutError:
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or ["no reason given"]
        reason = f"{type(error).__name__}: {lines[0][:_LONGEST_REASON]}"
        message = f"its computation failed: {reason}; expected inputs that fit the network"
        raise FailedComputationError(message) from error
