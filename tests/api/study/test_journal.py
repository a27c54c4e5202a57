"""What an interrupted study leaves, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from joulecut.study.cell_meter import MeterPlan
from joulecut.study.cells import CellKey, CellResult, LayerTiming
from joulecut.study.engine_names import EngineName
from joulecut.study.journal import JOURNAL_FILE, JournalHead, StudyJournal
from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ConfigError, JoulecutError

HEAD = JournalHead(device="made-up", driver="1", power_scope="GPU board", runtime="torch 2", plan=MeterPlan(), seed=0)
POINT = OperatingPoint(core_mhz=540.0)
KEY = CellKey(digest="sha256:1", batch=2, engine=EngineName.EAGER, point=POINT)
GOVERNED = CellKey(digest="sha256:1", batch=2, engine=EngineName.EAGER, point=None, what="layers")
RESULT = CellResult(
    achieved=POINT,
    throttle=("thermal",),
    runs=3,
    window_s=0.5,
    latency_s=0.1,
    latency_std_s=0.01,
    power_w=50.0,
    power_std_w=0.5,
    wait_w=None,
    host_mhz=None,
    layers=(LayerTiming(in_run_s=0.1, alone_s=0.2, power_w=None),),
)


def test_cells_come_back_as_they_were(tmp_path: Path) -> None:
    """Unknown watts stay unknown, clocks and layers survive, and other cells are not mistaken for them."""
    journal = StudyJournal(tmp_path / JOURNAL_FILE, HEAD, resume=False)
    journal.add(KEY, RESULT)
    journal.add(GOVERNED, RESULT)
    again = StudyJournal(tmp_path / JOURNAL_FILE, HEAD, resume=True)
    assert again.resumed == 2
    assert again.get(KEY) == again.get(GOVERNED) == RESULT
    assert again.get(CellKey(digest="sha256:1", batch=2, engine=EngineName.CUDA_GRAPH, point=POINT)) is None


def test_a_line_cut_short_is_measured_again(tmp_path: Path) -> None:
    """A process that dies while it writes loses that cell and no other, and the next one is appended cleanly."""
    path = tmp_path / JOURNAL_FILE
    journal = StudyJournal(path, HEAD, resume=False)
    journal.add(KEY, RESULT)
    journal.add(GOVERNED, RESULT)
    path.write_bytes(path.read_bytes()[:-20])
    again = StudyJournal(path, HEAD, resume=True)
    assert (again.resumed, again.get(GOVERNED)) == (1, None)
    again.add(GOVERNED, RESULT)
    assert StudyJournal(path, HEAD, resume=True).resumed == 2


def test_of_two_at_once_the_later_one_can_still_go_on(tmp_path: Path) -> None:
    """The first to end removes the cells of both; the other's are kept with the head that they count by."""
    path = tmp_path / JOURNAL_FILE
    first, second = StudyJournal(path, HEAD, resume=True), StudyJournal(path, HEAD, resume=True)
    first.add(KEY, RESULT)
    first.remove()
    second.add(KEY, RESULT)
    second.add(GOVERNED, RESULT)
    again = StudyJournal(path, HEAD, resume=True)
    assert (again.resumed, again.get(GOVERNED)) == (2, RESULT)


def test_a_journal_in_the_way_is_not_thrown_away(tmp_path: Path) -> None:
    """Measured cells are worth more than a forgotten flag."""
    StudyJournal(tmp_path / JOURNAL_FILE, HEAD, resume=False)
    with pytest.raises(ConfigError, match="unfinished study; once nobody works on it any more, go on with --resume"):
        StudyJournal(tmp_path / JOURNAL_FILE, HEAD, resume=False)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (replace(HEAD, driver="2"), "driver '1', here '2'"),
        (replace(HEAD, runtime="torch 3"), "runtime 'torch 2', here 'torch 3'"),
        (replace(HEAD, plan=MeterPlan(warm_up=3)), "plan MeterPlan"),
        (replace(HEAD, seed=1), "seed 0, here 1"),
    ],
)
def test_cells_of_another_study_are_refused(tmp_path: Path, other: JournalHead, named: str) -> None:
    """Another driver, runtime, plan or seed would mix figures that do not belong together."""
    StudyJournal(tmp_path / JOURNAL_FILE, HEAD, resume=False)
    with pytest.raises(ConfigError, match=rf"of another study \({named}"):
        StudyJournal(tmp_path / JOURNAL_FILE, other, resume=True)


@pytest.mark.parametrize("text", ["nonsense\n", "", '{"device": 1}\n'])
def test_a_damaged_journal_is_named(tmp_path: Path, text: str) -> None:
    """With what to do about it."""
    path = tmp_path / JOURNAL_FILE
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"study\.journal: .*delete the file"):
        StudyJournal(path, HEAD, resume=True)


def test_resuming_nothing_starts_from_nothing(tmp_path: Path) -> None:
    """--resume is harmless where no study was interrupted, and a finished one leaves no journal."""
    journal = StudyJournal(tmp_path / "new" / JOURNAL_FILE, HEAD, resume=True)
    assert journal.resumed == 0
    journal.remove()
    assert not (tmp_path / "new" / JOURNAL_FILE).exists()


def test_a_disk_that_fills_up_is_named(tmp_path: Path) -> None:
    """A cell that finds no room says which file has none and what goes on; so does a start."""
    path = tmp_path / JOURNAL_FILE
    journal = StudyJournal(path, HEAD, resume=False)
    path.unlink()
    path.symlink_to("/dev/full")
    with pytest.raises(JoulecutError, match=r"study\.journal: .*No space left on device; make room.*--resume"):
        journal.add(KEY, RESULT)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"study\.journal: .*cannot be kept"):
        StudyJournal(tmp_path / "file" / JOURNAL_FILE, HEAD, resume=False)
