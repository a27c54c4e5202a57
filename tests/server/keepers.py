"""The clock of a server that lets everybody in."""

from __future__ import annotations

from collections.abc import Callable

from joulecut_core.devices import Device
from joulecut_core.timing import Clock
from joulecut_server.clock_keeper import ClockKeeper


def everybody(session_id: str) -> bool:
    """Each session has its say."""
    del session_id
    return True


def its_own(session_id: str) -> str:
    """Each session has a share of its own."""
    return session_id


def keeper_of(
    device: Device,
    clock: Clock,
    *,
    may_wish: Callable[[str], bool] = everybody,
    share_of: Callable[[str], str] = its_own,
) -> ClockKeeper:
    """One where each session has its say and its share, unless told otherwise."""
    return ClockKeeper(device, clock, may_wish=may_wish, share_of=share_of)
