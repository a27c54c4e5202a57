"""What a board tells its lease book: that nothing was changed, that memory was never set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from joulecut_core.errors import DeviceError
from joulecut_runtime.clockd.book import Custody, Holder, UnchangedError
from tests.runtime.clockd.file_board import STOCK, FileBoard


@pytest.fixture
def board(tmp_path: Path) -> FileBoard:
    (tmp_path / "state").mkdir()
    return FileBoard.make(tmp_path / "a")


def custody(board: FileBoard) -> Custody:
    """The custody of the board as a new process has it."""
    return Custody(board, board.folder.parent / "state", "5d0c")


def somebody() -> Holder:
    """A holder."""
    return {"holder": "somebody", "uid": 1000, "pid": 42}


def journals(board: FileBoard) -> list[Path]:
    """The snapshots on disk."""
    return sorted((board.folder.parent / "state").glob("*.json"))


def test_a_refused_lease_owes_nothing(board: FileBoard) -> None:
    """Who may not set a board leaves no journal, so that nobody with the right resets it later."""

    class Forbidden(FileBoard):
        def apply(self, core_mhz: float, memory_mhz: float | None) -> None:
            raise UnchangedError(f"{core_mhz}/{memory_mhz}: not by this user")

        def restore(self, snapshot: Mapping[str, str], *, memory: bool = True) -> None:  # noqa: ARG002
            raise DeviceError(f"{snapshot}: not by this user")

    lent = custody(Forbidden(board.folder))
    with pytest.raises(UnchangedError):
        lent.acquire((306.0, 2133.0), somebody())
    assert journals(board) == []
    assert lent.state()["state"] == "free"


def test_a_refused_move_owes_its_lease(board: FileBoard) -> None:
    """What an earlier call of the same lease set is still put back."""

    class Once(FileBoard):
        def apply(self, core_mhz: float, memory_mhz: float | None) -> None:
            if journals(self) and self.held() != STOCK:
                raise UnchangedError("no more")
            super().apply(core_mhz, memory_mhz)

    lent, holder = custody(Once(board.folder)), somebody()
    lent.acquire((306.0, None), holder)
    with pytest.raises(UnchangedError):
        lent.move((612.0, None), holder)
    assert len(journals(board)) == 1
    lent.release(holder)
    assert board.held() == STOCK


def test_the_journal_knows_of_memory_before_it_is_set(board: FileBoard) -> None:
    """A process killed in its first move of memory leaves a journal that has memory put back."""

    class Killed(BaseException):
        pass

    class Dying(FileBoard):
        def apply(self, core_mhz: float, memory_mhz: float | None) -> None:
            super().apply(core_mhz, memory_mhz)
            if memory_mhz is not None:
                raise Killed

    first, holder = custody(Dying(board.folder)), somebody()
    first.acquire((306.0, None), holder)
    with pytest.raises(Killed):
        first.move((306.0, 2133.0), holder)
    first._lock.close()  # what the kernel does for a killed process
    custody(board).tend()
    assert board.held() == STOCK
