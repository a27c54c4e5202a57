"""One kill at a random moment of the lease cycle, and what has to be true afterwards."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from joulecut_core.errors import DeviceError
from joulecut_core.timing import SystemClock
from joulecut_runtime.clockd.client import BoardState, ClockdClient
from tests.runtime.clockd.file_board import STOCK, FileBoard, double_leases
from tests.runtime.clockd.nursery import Nursery

_PATIENCE_S = 30.0
_LOOK_S = 0.002
_LONGEST_LIFE_S = 0.05
_TTL_S = "600"
_CLOCK = SystemClock()


class Victim(str, Enum):
    """Who is killed."""

    AGENTS = "agents"
    CLOCKD = "clockd"
    BOTH = "agents and clockd"
    ROOT_AGENT = "agent that is root, beside clockd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a trial saw.

    `held`: the board was away from its stock clocks right after the kill. `restore_s`: until it was back to stay.
    `double_leases`: what the board's own log shows of two leases at once. `calls`: the length of that log.
    """

    victim: Victim
    held: bool
    restore_s: float
    double_leases: tuple[str, ...]
    calls: int


def kill_trial(nursery: Nursery, folder: Path, victim: Victim, seed: int) -> Outcome:
    """Kill `victim` at a moment drawn from `seed`, while two agents compete for one board.

    A killed clockd is followed by what systemd does then: `--restore`, and a new clockd. Raises AssertionError
    where the board is not back at its stock clocks.
    """
    board = FileBoard.make(folder / "board")
    clockd = started_clockd(nursery, folder)
    first = nursery.start("root_agent" if victim is Victim.ROOT_AGENT else "agent", folder, str(seed), _TTL_S)
    second = nursery.start("agent", folder, str(seed + 1), _TTL_S)
    until(lambda: len(board.done()) > 8, "no leases")
    _CLOCK.sleep_until_s(_CLOCK.now_s() + random.Random(seed).uniform(0.0, _LONGEST_LIFE_S))  # noqa: S311 - a moment, not a secret
    killed = {
        Victim.AGENTS: (first, second),
        Victim.CLOCKD: (clockd,),
        Victim.BOTH: (clockd, first, second),
        Victim.ROOT_AGENT: (first, second),
    }[victim]
    nursery.kill(*killed)
    held, killed_s = board.held() != STOCK, _CLOCK.now_s()
    if clockd in killed:
        status = nursery.wait(nursery.start("daemon", folder, "--restore"))
        assert status == 0, f"--restore ended with {status}"
        assert board.held() == STOCK, f"--restore left {board.held()}"
        restored_s = _CLOCK.now_s()
        started_clockd(nursery, folder)
    else:
        until(lambda: _put_back(board, folder), "clockd did not put the board back")
        restored_s = _CLOCK.now_s()
    if victim is Victim.CLOCKD:
        calls = len(board.done())
        until(lambda: len(board.done()) > calls + 8, "no leases of the new clockd")
        nursery.kill(first, second)
        until(lambda: _put_back(board, folder), "the new clockd did not put the board back")
    nursery.kill_all()
    return Outcome(
        victim=victim,
        held=held,
        restore_s=restored_s - killed_s,
        double_leases=tuple(double_leases(board.done())),
        calls=len(board.done()),
    )


def started_clockd(nursery: Nursery, folder: Path, *options: str) -> int:
    """A daemon that answers."""
    pid = nursery.start("daemon", folder, *options)
    until(lambda: answers(folder), "clockd does not answer")
    return pid


def answers(folder: Path) -> bool:
    try:
        ClockdClient(folder / "sock").close()
    except DeviceError:
        return False
    return True


def _put_back(board: FileBoard, folder: Path) -> bool:
    """Whether clockd calls it free and it is as it was: between the two it may still serve what the dead had asked."""
    with closing(ClockdClient(folder / "sock")) as client:
        return all(status.state is BoardState.FREE for status in client.states()) and board.held() == STOCK


def until(true: Callable[[], bool], complaint: str) -> None:
    """Look again and again until it is true."""
    give_up_s = _CLOCK.now_s() + _PATIENCE_S
    while not true():
        assert _CLOCK.now_s() < give_up_s, complaint
        _CLOCK.sleep_until_s(_CLOCK.now_s() + _LOOK_S)
