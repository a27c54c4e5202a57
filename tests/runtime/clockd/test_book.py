"""One board's leases on a clock that the test moves."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from joulecut_core.errors import ClockError, DeviceError, LeaseError
from joulecut_core.timing import ManualClock
from joulecut_runtime.clockd.book import Custody, Holder, LeaseBook
from joulecut_runtime.devices.hardware.local_authority import LocalAuthority
from tests.runtime.clockd.file_board import STOCK, FileBoard, double_leases, file_boards

BOOT = "5d0c"


def somebody(name: str = "somebody") -> Holder:
    """A holder."""
    return {"holder": name, "uid": 1000, "pid": 42}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(start_s=100.0)


@pytest.fixture
def board(tmp_path: Path) -> FileBoard:
    return FileBoard.make(tmp_path / "a")


@pytest.fixture
def process(tmp_path: Path, board: FileBoard, clock: ManualClock) -> Iterator[Callable[..., Custody]]:
    """The custody of the board as a new process has it."""
    (tmp_path / "state").mkdir()
    started: list[Custody] = []

    def start(boot: str = BOOT) -> Custody:
        started.append(Custody(FileBoard(board.folder), tmp_path / "state", boot, clock.now_s))
        return started[-1]

    yield start
    for custody in started:
        die(custody)


@pytest.fixture
def custody(process: Callable[..., Custody]) -> Custody:
    return process()


def journals(board: FileBoard) -> list[Path]:
    """The snapshots on disk."""
    return sorted((board.folder.parent / "state").glob("*.json"))


def die(custody: Custody) -> None:
    """What the kernel does for a killed process: its locks are gone, its files stay."""
    custody._lock.close()


def test_journal_is_written_before_the_first_change(custody: Custody, board: FileBoard) -> None:
    """When the board is first touched, what it held is on disk."""
    seen: list[object] = []

    class Watched(FileBoard):
        def apply(self, core_mhz: float, memory_mhz: float | None) -> None:
            seen.extend(json.loads(path.read_text()) for path in journals(board))
            super().apply(core_mhz, memory_mhz)

    custody._board = Watched(board.folder)
    custody.acquire((306.0, None), somebody())
    assert seen == [{"memory": False, "snapshot": STOCK}]


def test_release_leaves_no_journal(custody: Custody, board: FileBoard) -> None:
    """Nothing is left to be put back after a lease has ended well."""
    holder = somebody()
    custody.acquire((306.0, None), holder)
    assert len(journals(board)) == 1
    custody.release(holder)
    assert journals(board) == []


def test_expiry_restores(custody: Custody, board: FileBoard, clock: ManualClock) -> None:
    """A holder that falls silent loses the board after its time to live, not earlier."""
    custody.acquire((306.0, None), somebody(), ttl_s=10.0)
    clock.advance_s(9.9)
    custody.tend()
    assert board.held() != STOCK
    clock.advance_s(0.2)
    custody.tend()
    assert board.held() == STOCK


def test_heartbeats_and_moves_keep_a_lease(custody: Custody, board: FileBoard, clock: ManualClock) -> None:
    """Either begins the time to live anew."""
    holder = somebody()
    custody.acquire((306.0, None), holder, ttl_s=10.0)
    for sign_of_life in (custody.heartbeat, partial(custody.move, (612.0, None))):
        clock.advance_s(9.0)
        sign_of_life(holder)
        custody.tend()
    assert board.held()["highest_mhz"] == "612.0"


def test_heartbeat_and_move_after_expiry_are_refused(custody: Custody, board: FileBoard, clock: ManualClock) -> None:
    """A lease that has expired does not come to life again, even where somebody else has the board by now."""
    late, following = somebody("late"), somebody("following")
    custody.acquire((306.0, None), late, ttl_s=10.0)
    clock.advance_s(11.0)
    custody.tend()
    custody.acquire((1020.0, None), following)
    for call in (custody.heartbeat, partial(custody.move, (306.0, None))):
        with pytest.raises(LeaseError, match="ended"):
            call(late)
    custody.release(late)
    assert board.held()["highest_mhz"] == "1020.0"


def test_another_process_is_refused_while_the_first_lives(process: Callable[..., Custody]) -> None:
    """The lock is the machine's, not the process's."""
    first, second = process(), process()
    first.acquire((306.0, None), somebody())
    with pytest.raises(LeaseError, match="another process"):
        second.acquire((1020.0, None), somebody())
    assert second.state()["state"] == "elsewhere"


def test_next_process_restores_what_a_dead_one_left(process: Callable[..., Custody], board: FileBoard) -> None:
    """A killed process's clocks are put back before the board is lent again."""
    first = process()
    first.acquire((306.0, None), somebody())
    die(first)
    second, holder = process(), somebody()
    second.acquire((612.0, None), holder)
    second.release(holder)
    assert board.held() == STOCK
    assert double_leases(board.done()) == []


def test_tending_restores_after_another_process(process: Callable[..., Custody], board: FileBoard) -> None:
    """A process that only tends puts back what another one left, and not before that one is dead."""
    first, watch = process(), process()
    first.acquire((306.0, None), somebody())
    watch.tend()
    assert board.held() != STOCK
    die(first)
    watch.tend()
    assert board.held() == STOCK
    assert watch.state()["state"] == "free"


def test_snapshot_of_an_earlier_boot_is_void(process: Callable[..., Custody], board: FileBoard) -> None:
    """After a boot the board holds what that boot set, and no older lease changes it."""
    first = process("boot 1")
    first.acquire((306.0, None), somebody())
    die(first)
    booted = {**STOCK, "highest_mhz": "612.0"}
    board._write(booted)
    second = process("boot 2")
    second.tend()
    assert board.held() == booted
    holder = somebody()
    second.acquire((306.0, None), holder)
    second.release(holder)
    assert board.held() == booted


def test_damaged_journal_means_the_defaults(process: Callable[..., Custody], board: FileBoard) -> None:
    """Where what was before is lost, the driver's defaults are put back."""
    first = process()
    first.acquire((306.0, None), somebody())
    die(first)
    journals(board)[0].write_text('{"memory": true')
    process().tend()
    assert board.held() == STOCK
    assert journals(board) == []


def test_a_journal_that_was_removed_means_the_defaults(custody: Custody, board: FileBoard) -> None:
    """Whoever tidies /run up takes along what was before, and not that the board is to be put back."""
    for _ in range(2):
        holder = somebody()
        custody.acquire((306.0, None), holder)
        journals(board)[0].unlink()
        custody.release(holder)
        assert board.held() == STOCK
        assert custody.state()["state"] == "free"


@pytest.mark.parametrize(
    "text",
    ["null", "[]", '{"memory": true, "snapshot": 7}', '{"snapshot": {}}', "\0", pytest.param("[" * 30_000, id="[")],
)
def test_nonsense_in_a_journals_place_is_damage(
    process: Callable[..., Custody], board: FileBoard, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is there: the defaults, an error in the log, and a board that can be lent."""
    first = process()
    first.acquire((306.0, None), somebody())
    die(first)
    [journal] = journals(board)
    journal.write_text(text)
    process().tend()
    assert board.held() == STOCK
    assert "is damaged" in caplog.text
    assert journals(board) == []
    process().acquire((306.0, None), somebody())


def test_a_snapshot_that_the_board_cannot_read_is_damage(custody: Custody, board: FileBoard) -> None:
    """The defaults at once, instead of the same failure for ever."""

    class Picky(FileBoard):
        def restore(self, snapshot: Mapping[str, str], *, memory: bool = True) -> None:
            if snapshot:
                raise ValueError("no number")
            super().restore(snapshot, memory=memory)

    custody._board, holder = Picky(board.folder), somebody()
    custody.acquire((306.0, None), holder)
    custody.release(holder)
    assert board.held() == STOCK


def test_failed_restore_is_tried_again_less_and_less_often(
    custody: Custody, board: FileBoard, clock: ManualClock
) -> None:
    """A vanished board is owed its restore, refused meanwhile, and restored once it is back."""
    holder = somebody()
    custody.acquire((306.0, None), holder)
    (board.folder / "gone").touch()
    with pytest.raises(DeviceError, match="not restored yet"):
        custody.release(holder)
    waits_s = []
    for _ in range(8):
        waited_s = 0.0
        due_s = custody._due_s
        while custody._due_s == due_s:
            clock.advance_s(0.5)
            waited_s += 0.5
            custody.tend()
        waits_s.append(waited_s)
    assert waits_s == sorted(waits_s)
    assert waits_s[0] <= 2.0
    assert waits_s[-1] == waits_s[-2] == 60.0
    assert custody.state()["state"] == "owed"
    with pytest.raises(DeviceError, match="gone"):
        custody.acquire((306.0, None), somebody())
    assert len(journals(board)) == 1
    (board.folder / "gone").unlink()
    clock.advance_s(600.0)
    custody.tend()
    assert board.held() == STOCK
    assert journals(board) == []


def test_a_defect_in_a_board_does_not_lose_the_restore(custody: Custody, board: FileBoard, clock: ManualClock) -> None:
    """Whatever a board raises while restoring, what it held is kept and put back later."""
    custody.acquire((306.0, None), somebody(), ttl_s=1.0)
    good, broken = custody._board, FileBoard(board.folder)
    broken.restore = {}.__getitem__  # type: ignore[assignment, method-assign]
    custody._board = broken
    clock.advance_s(2.0)
    custody.tend()
    assert board.held() != STOCK
    custody._board = good
    clock.advance_s(100.0)
    custody.tend()
    assert board.held() == STOCK


def test_half_done_grant_is_undone(custody: Custody, board: FileBoard) -> None:
    """A board that fails in the middle of being set is put back, and free."""

    class Failing(FileBoard):
        def apply(self, core_mhz: float, memory_mhz: float | None) -> None:
            super().apply(core_mhz, memory_mhz)
            raise DeviceError("the second register refused")

    custody._board = Failing(board.folder)
    with pytest.raises(DeviceError, match="second register"):
        custody.acquire((306.0, None), somebody())
    assert board.held() == STOCK
    assert journals(board) == []
    assert custody.state()["state"] == "free"


@pytest.mark.skipif(os.geteuid() != 0 and not os.access("/dev/full", os.W_OK), reason="needs /dev/full")
def test_full_disk_refuses_the_lease_and_changes_nothing(custody: Custody, board: FileBoard) -> None:
    """Without room for the snapshot there is no lease, since it could not be undone."""
    new = custody._journal.with_suffix(".new")
    new.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        custody.acquire((306.0, None), somebody())
    assert not [call for _, call in board.done() if call.startswith(("apply", "restore"))]
    new.unlink()
    custody.acquire((306.0, None), somebody())


def test_state_folder_that_is_gone_refuses_the_lease(custody: Custody, board: FileBoard) -> None:
    """Where no lock can be made, nothing is changed."""
    (board.folder.parent / "state").rmdir()
    with pytest.raises(OSError, match="No such file"):
        custody.acquire((306.0, None), somebody())
    assert board.done() == []


def test_reset_of_a_free_board_is_the_drivers_default(custody: Custody, board: FileBoard) -> None:
    """A lock that some other tool forgot is undone."""
    board._write({**STOCK, "highest_mhz": "306.0"})
    custody.reset(somebody())
    assert board.held() == STOCK


def test_reset_prefers_what_a_lease_left_behind(process: Callable[..., Custody], board: FileBoard) -> None:
    """What an administrator had set before a killed lease comes back, not the defaults."""
    custom = {**STOCK, "highest_mhz": "612.0"}
    board._write(custom)
    first = process()
    first.acquire((306.0, None), somebody())
    die(first)
    process().reset(somebody())
    assert board.held() == custom


def test_a_new_authoritys_reset_keeps_what_its_start_restored(tmp_path: Path, board: FileBoard) -> None:
    """The start already put back the dead holder's snapshot: a reset right after it adds no defaults; a second does."""
    custom = {**STOCK, "highest_mhz": "612.0"}
    board._write(custom)
    dead = LeaseBook(tmp_path, file_boards).board(board.key)
    dead.acquire((306.0, None), somebody())
    die(dead)
    authority = LocalAuthority(LeaseBook(tmp_path, file_boards))
    assert board.held() == custom
    authority.reset(board.key)
    assert board.held() == custom
    authority.reset(board.key)
    assert board.held() == STOCK


def test_reset_of_a_held_board_is_refused(process: Callable[..., Custody], board: FileBoard) -> None:
    """Nobody ends another's lease."""
    holding, other = process(), process()
    holding.acquire((306.0, None), somebody())
    for custody in (holding, other):
        with pytest.raises(LeaseError, match="held by"):
            custody.reset(somebody())
    assert board.held()["highest_mhz"] == "306.0"


def test_close_keeps_the_journal_of_what_it_could_not_restore(
    process: Callable[..., Custody], board: FileBoard
) -> None:
    """A process that ends while a board is gone leaves the restore to the next one."""
    first = process()
    first.acquire((306.0, None), somebody())
    (board.folder / "gone").touch()
    assert not first.tend(ending=True)
    (board.folder / "gone").unlink()
    process().tend()
    assert board.held() == STOCK


def test_refused_point_is_said_by_the_board(custody: Custody) -> None:
    """The board's own complaint reaches whoever asked."""
    with pytest.raises(ClockError, match="not listed"):
        custody.acquire((307.0, None), somebody())


@pytest.mark.parametrize(
    ("done", "lines"),
    [
        ([(1, "snapshot 1020.0"), (1, "apply 306"), (1, "restored"), (2, "snapshot 1020.0"), (2, "apply 306")], 0),
        ([(1, "snapshot 1020.0"), (2, "snapshot 1020.0"), (2, "apply 306")], 0),
        ([(1, "snapshot 1020.0"), (1, "apply 306"), (2, "snapshot 306.0"), (2, "apply 612")], 1),
        ([(1, "snapshot 1020.0"), (1, "apply 306"), (2, "apply 612")], 1),
        ([(1, "snapshot 1020.0"), (1, "apply 306"), (1, "restored"), (1, "apply 612")], 1),
    ],
)
def test_the_proof_of_single_leases_can_fail(done: list[tuple[int, str]], lines: int) -> None:
    """The kill tests' check finds a board that two hold."""
    assert len(double_leases(done)) == lines
