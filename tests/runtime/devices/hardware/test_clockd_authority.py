"""Grants over the daemon when the daemon dies, comes back, or does not."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import DeviceError, LeaseError
from joulecut_runtime.clockd.client import ClockdGoneError
from joulecut_runtime.devices.hardware.authority import ClockGrant
from joulecut_runtime.devices.hardware.clockd_authority import ClockdAuthority
from joulecut_runtime.devices.hardware.patience import BlockedError
from tests.fakes.threads import no_thread_left
from tests.runtime.clockd.file_board import STOCK, FileBoard, double_leases
from tests.runtime.clockd.kill_trial import started_clockd, until
from tests.runtime.clockd.nursery import Nursery

LOW = OperatingPoint(core_mhz=306.0)
MIDDLE = OperatingPoint(core_mhz=612.0)
HANGS_S = 0.1
WAIT_S = 20.0
"""How long a test waits for what must happen; only a defect ever takes it."""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


@pytest.fixture
def board(tmp_path: Path) -> FileBoard:
    return FileBoard.make(tmp_path / "a")


def waits(authority: ClockdAuthority, answer_s: float) -> None:
    """From now on it gives a daemon so long: no more than it needs where that hangs, else more than a busy host may."""
    authority._patience._timeout_s = answer_s


def highest(board: FileBoard) -> str:
    """The board's upper limit."""
    return board.held()["highest_mhz"]


def refusal(grant: ClockGrant) -> str:
    """What a move is refused with; empty where it is not."""
    try:
        grant.move(MIDDLE)
    except DeviceError as error:
        return str(error)
    return ""


def test_restarted_daemon_is_asked_again(
    nursery: Nursery, tmp_path: Path, board: FileBoard, caplog: pytest.LogCaptureFixture
) -> None:
    """A killed and restarted daemon restores, then holds the same point for the same agent, which logs it."""
    caplog.set_level(logging.WARNING)
    clockd = started_clockd(nursery, tmp_path)
    with closing(ClockdAuthority(tmp_path / "sock", ttl_s=6.0)) as authority:
        grant = authority.grant(board.key, LOW, holder="test")
        nursery.kill(clockd)
        assert nursery.wait(nursery.start("daemon", tmp_path, "--restore")) == 0
        assert board.held() == STOCK
        started_clockd(nursery, tmp_path)
        until(lambda: highest(board) == "306.0", "the lease is not asked for again")
        grant.move(MIDDLE)
        assert highest(board) == "612.0"
        grant.release()
    assert board.held() == STOCK
    assert double_leases(board.done()) == []
    assert any("is leased again, at 306 MHz" in record.getMessage() for record in caplog.records)


def test_move_finds_the_restarted_daemon_by_itself(nursery: Nursery, tmp_path: Path, board: FileBoard) -> None:
    """Whoever moves before the next heartbeat gets the new point from the new daemon."""
    clockd = started_clockd(nursery, tmp_path)
    with closing(ClockdAuthority(tmp_path / "sock", ttl_s=60.0)) as authority:
        grant = authority.grant(board.key, LOW, holder="test")
        nursery.kill(clockd)
        started_clockd(nursery, tmp_path)
        grant.move(MIDDLE)
        assert highest(board) == "612.0"
    assert board.held() == STOCK


def test_nobody_waits_for_a_daemon_that_is_away(nursery: Nursery, tmp_path: Path, board: FileBoard) -> None:
    """A device's requests wait behind a move. The lease outlives it, and a later move finds the daemon again."""
    clockd = started_clockd(nursery, tmp_path)
    with closing(ClockdAuthority(tmp_path / "sock", ttl_s=20.0)) as authority:
        grant = authority.grant(board.key, LOW, holder="test")
        nursery.kill(clockd)
        for _ in range(3):
            with pytest.raises(ClockdGoneError, match="start joulecut-clockd"):
                grant.move(MIDDLE)
        started_clockd(nursery, tmp_path)
        grant.move(MIDDLE)
        assert highest(board) == "612.0"
    assert board.held() == STOCK


def test_no_lease_stays_behind_that_nobody_would_keep(nursery: Nursery, tmp_path: Path, board: FileBoard) -> None:
    """A host without a thread for the heartbeat refuses the lease, and the board is free for the next at once."""
    started_clockd(nursery, tmp_path)
    with closing(ClockdAuthority(tmp_path / "sock", ttl_s=60.0)) as authority:
        with no_thread_left(), pytest.raises(LeaseError, match="no thread to keep a lease with"):
            authority.grant(board.key, LOW, holder="test")
        until(lambda: board.held() == STOCK, "the board is not given back")
        authority.grant(board.key, LOW, holder="test").release()
    assert double_leases(board.done()) == []


def test_grant_is_lost_with_a_daemon_that_stays_away(nursery: Nursery, tmp_path: Path, board: FileBoard) -> None:
    """Once the lease would have expired, it is over for the agent too: LeaseError, with the remedy."""
    clockd = started_clockd(nursery, tmp_path)
    with closing(ClockdAuthority(tmp_path / "sock", ttl_s=0.5)) as authority:
        grant = authority.grant(board.key, LOW, holder="test")
        nursery.kill(clockd)
        until(lambda: "restart joulecut-clockd" in refusal(grant), "the lease is not lost")
        with pytest.raises(LeaseError, match="restart joulecut-clockd; ask for a new lease"):
            grant.move(MIDDLE)
        grant.release()
        with pytest.raises(ClockdGoneError, match="start joulecut-clockd"):
            authority.grant(board.key, LOW, holder="test")


def test_grant_is_lost_where_somebody_else_was_quicker(nursery: Nursery, tmp_path: Path, board: FileBoard) -> None:
    """A board that another agent got from the restarted daemon stays that agent's."""
    clockd = started_clockd(nursery, tmp_path)
    with (
        closing(ClockdAuthority(tmp_path / "sock", ttl_s=60.0)) as authority,
        closing(ClockdAuthority(tmp_path / "sock", ttl_s=60.0)) as quicker,
    ):
        grant = authority.grant(board.key, LOW, holder="first")
        nursery.kill(clockd)
        started_clockd(nursery, tmp_path)
        quicker.grant(board.key, MIDDLE, holder="quicker")
        with pytest.raises(LeaseError, match="quicker"):
            grant.move(LOW)
        assert highest(board) == "612.0"


def test_release_without_a_daemon_is_quiet(nursery: Nursery, tmp_path: Path, board: FileBoard) -> None:
    """An agent ends well though its daemon died first; the daemon's successor restores."""
    clockd = started_clockd(nursery, tmp_path)
    with closing(ClockdAuthority(tmp_path / "sock", ttl_s=60.0)) as authority:
        grant = authority.grant(board.key, LOW, holder="test")
        nursery.kill(clockd)
        grant.release()
    started_clockd(nursery, tmp_path)
    assert board.held() == STOCK


def test_nobody_waits_for_a_daemon_that_hangs(nursery: Nursery, tmp_path: Path, board: FileBoard) -> None:
    """One that is there and silent costs one caller his patience and the next ones nothing, until it answers again."""
    clockd = started_clockd(nursery, tmp_path)
    with closing(ClockdAuthority(tmp_path / "sock", ttl_s=60.0)) as authority:
        grant = authority.grant(board.key, LOW, holder="test")
        os.kill(clockd, signal.SIGSTOP)
        waits(authority, HANGS_S)
        with pytest.raises(BlockedError, match=r"has blocked for 0\.1 s.*joulecut-clockd hangs"):
            grant.move(MIDDLE)
        waits(authority, WAIT_S)
        with pytest.raises(BlockedError, match="still blocks"):
            grant.move(MIDDLE)
        assert highest(board) == "306.0"
        os.kill(clockd, signal.SIGCONT)
        until(lambda: "still blocks" not in refusal(grant), "it is not asked again")
        assert highest(board) == "612.0"
    assert board.held() == STOCK


def test_a_lease_that_comes_too_late_is_given_back(nursery: Nursery, tmp_path: Path, board: FileBoard) -> None:
    """The daemon grants it once it goes on, and by then nobody wants it."""
    clockd = started_clockd(nursery, tmp_path)
    with closing(ClockdAuthority(tmp_path / "sock", ttl_s=60.0)) as authority:
        os.kill(clockd, signal.SIGSTOP)
        waits(authority, HANGS_S)
        with pytest.raises(BlockedError, match="has blocked"):
            authority.grant(board.key, LOW, holder="test")
        os.kill(clockd, signal.SIGCONT)
        until(lambda: any("restored" in call for _, call in board.done()), "the board is not given back")
    assert board.held() == STOCK
    assert double_leases(board.done()) == []


def test_a_release_does_not_wait_for_a_daemon_that_hangs(nursery: Nursery, tmp_path: Path, board: FileBoard) -> None:
    """Whoever leaves is told that the clocks are not given back; they are once the daemon goes on."""
    clockd = started_clockd(nursery, tmp_path)
    with closing(ClockdAuthority(tmp_path / "sock", ttl_s=60.0, release_s=HANGS_S)) as authority:
        grant = authority.grant(board.key, LOW, holder="test")
        os.kill(clockd, signal.SIGSTOP)
        with pytest.raises(BlockedError, match="has blocked"):
            grant.release()
        os.kill(clockd, signal.SIGCONT)
        until(lambda: board.held() == STOCK, "the board is not given back")
