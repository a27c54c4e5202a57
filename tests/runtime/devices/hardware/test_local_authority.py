"""Clocks set by this process on a board whose driver hangs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import DeviceError
from joulecut_runtime.clockd.book import STATE, LeaseBook
from joulecut_runtime.devices.hardware.local_authority import LocalAuthority
from joulecut_runtime.devices.hardware.patience import BlockedError
from tests.runtime.clockd.file_board import STOCK, FileBoard

POINT = OperatingPoint(core_mhz=306.0)
HANGS_S = 0.1
WAIT_S = 20.0
"""How long a test waits for what must happen; only a defect ever takes it."""


class HangingBoard(FileBoard):
    """A board whose driver does not come back from a call until the gate is open."""

    gate = threading.Event()
    reached = threading.Event()

    def apply(self, core_mhz: float, memory_mhz: float | None) -> None:
        self.reached.set()
        self.gate.wait(30.0)
        super().apply(core_mhz, memory_mhz)

    def restore(self, snapshot: Mapping[str, str], *, memory: bool = True) -> None:
        self.gate.wait(30.0)
        super().restore(snapshot, memory=memory)


@pytest.fixture
def board(tmp_path: Path) -> HangingBoard:
    board = HangingBoard(FileBoard.make(tmp_path / "a").folder)
    board.gate, board.reached = threading.Event(), threading.Event()
    return board


@pytest.fixture
def authority(board: HangingBoard, tmp_path: Path) -> LocalAuthority:
    return LocalAuthority(LeaseBook(tmp_path, lambda _: [board]), answer_s=WAIT_S)


def waits(authority: LocalAuthority, answer_s: float) -> None:
    """From now on it gives a driver so long: no more than it needs where that hangs, else more than a busy host may."""
    authority._patience._timeout_s = authority._release_s = answer_s


def journals(folder: Path) -> list[Path]:
    """What is owed."""
    return list((folder / STATE).glob("*.json"))


def test_a_grant_that_hangs_is_refused_and_undone(
    authority: LocalAuthority, board: HangingBoard, tmp_path: Path
) -> None:
    """The caller goes on; what the driver does too late is put back at once, and the board is free again."""
    waits(authority, HANGS_S)
    with pytest.raises(BlockedError, match=f"setting the clocks of {board.key} has blocked"):
        authority.grant(board.key, POINT, holder="edge-agent")
    with pytest.raises(BlockedError, match="still blocks"):
        authority.grant(board.key, POINT, holder="edge-agent")
    assert board.reached.wait(WAIT_S)
    assert len(journals(tmp_path)) == 1
    waits(authority, WAIT_S)
    board.gate.set()
    grant = None
    while grant is None:
        try:
            grant = authority.grant(board.key, POINT, holder="edge-agent")
        except BlockedError:
            continue
    assert [call.split()[0] for _, call in board.done()] == [
        *("snapshot", "apply", "restore", "restored"),
        *("snapshot", "apply"),
    ]
    grant.release()
    authority.close()
    assert board.held() == STOCK
    assert journals(tmp_path) == []


def test_a_release_that_hangs_is_owed_to_the_next_process(
    authority: LocalAuthority, board: HangingBoard, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither release nor close waits for ever; the journal says what is to be put back."""
    board.gate.set()
    grant = authority.grant(board.key, POINT, holder="edge-agent")
    board.gate.clear()
    waits(authority, HANGS_S)
    with pytest.raises(DeviceError, match="has blocked"):
        grant.release()
    authority.close()
    assert "still blocks" in caplog.text
    assert board.held() != STOCK
    assert len(journals(tmp_path)) == 1
    waits(authority, WAIT_S)
    board.gate.set()
    stuck = authority._patience._stuck
    assert stuck is not None
    assert stuck.done.wait(WAIT_S)
    assert journals(tmp_path) == []
    authority.close()
    assert board.held() == STOCK
    refusal: DeviceError | None = None
    while refusal is None or isinstance(refusal, BlockedError):  # what is put back may still be on its way to the disk
        with pytest.raises(DeviceError) as caught:
            authority.grant(board.key, POINT, holder="edge-agent")
        refusal = caught.value
    assert "no board" in str(refusal)
