"""Interrupted profiling: what was measured is kept point by point, and the next run goes on from there."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import JoulecutError, ProfileError
from joulecut_core.exits import ExitCode, exit_code
from joulecut_core.profiles import Profile
from joulecut_runtime.profiling.journal import PointRecord, ProfileJournal, UnfinishedProfile, journal_path
from joulecut_runtime.profiling.plan import ProfilePlan
from joulecut_runtime.profiling.profiler import profile_key
from tests.runtime.bench import QUICK, Bench
from tests.runtime.small_network import Listener, small_network

PLAN = dataclasses.replace(QUICK, core_clocks=4, seed=5)
ROOT = Path(__file__).parents[3]


class InterruptedProfileError(Exception):
    """What ends a run on the way."""


class Interrupting(Listener):
    """Ends the run, in the way given, after some steps."""

    def __init__(self, steps: int, end: Callable[[], None]) -> None:
        super().__init__()
        self.steps = steps
        self.end = end

    def advance(self, done: int, total: int, what: str) -> None:
        super().advance(done, total, what)
        if len(self.told) == self.steps:
            self.end()


def interrupt() -> None:
    """An exception out of nowhere."""
    raise InterruptedProfileError


def fresh(plan: ProfilePlan = PLAN) -> UnfinishedProfile:
    """An empty record of the bench's board."""
    bench = Bench()
    key = profile_key(small_network(), bench, side="edge")
    return UnfinishedProfile(key=key, plan=plan, clock_table=bench.clock_table.points)


def undated(profile: Profile) -> Profile:
    """A profile without its date."""
    return dataclasses.replace(profile, created="")


def killed_run(path: Path, steps: int) -> None:
    """A whole other process that profiles into a journal and is killed, as by a power cut, after some steps."""
    code = (
        "import os, signal, sys; from pathlib import Path;"
        "from joulecut_runtime.profiling.journal import ProfileJournal;"
        "from tests.runtime.bench import Bench; from tests.runtime.profiling.test_journal import Interrupting, PLAN;"
        "end = lambda: os.kill(os.getpid(), signal.SIGKILL);"
        "Bench().profile(plan=PLAN, governed_rates_hz=(20.0,), progress=Interrupting(int(sys.argv[2]), end),"
        " journal=ProfileJournal(Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(path), str(steps)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_killed_and_resumed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """After a kill the next run measures only what is missing, in the order of the plan, keeps the rest, says so."""
    path = tmp_path / "profile.json.journal"
    undisturbed = Bench()
    whole = undisturbed.profile(plan=PLAN)
    killed_run(path, steps=6)
    document = json.loads(path.read_text())
    kept = [OperatingPoint(**record["point"]["requested"]) for record in document["points"]]
    assert 1 <= len(kept) < len(whole.points)
    bench, journal, listener = Bench(), ProfileJournal(path), Listener()
    with caplog.at_level(logging.INFO):
        resumed = bench.profile(plan=PLAN, governed_rates_hz=(20.0,), journal=journal, progress=listener)
    held = bench.leased[len(whole.points) - len(kept) :]
    assert kept + bench.leased == undisturbed.leased + held
    assert held == [paced.requested for paced in resumed.paced]
    assert journal.resumed_points == len(kept)
    assert f"{len(kept)} operating points were measured before" in caplog.text
    assert [point.requested for point in resumed.points] == [point.requested for point in whole.points]
    assert [(part.cut, part.achieved) for part in resumed.parts] == [(part.cut, part.achieved) for part in whole.parts]
    assert [(each.cut, each.codec) for each in resumed.codecs] == [(each.cut, each.codec) for each in whole.codecs]
    by_point = {point.requested: point for point in whole.points}
    # The killed run saw the same noise as the undisturbed one: what it kept is bit for bit the same.
    assert all(point == by_point[point.requested] for point in resumed.points if point.requested in kept)
    assert listener.told[-1][0] == listener.told[-1][1]
    journal.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("steps", [1, 4, 12, 30])
def test_wherever_it_is_interrupted(tmp_path: Path, steps: int) -> None:
    """At every stage the resumed profile has each point, part, codec and rate once, and progress reaches its total."""
    path = tmp_path / "journal"
    rates_hz = (20.0, 40.0)
    complete = Bench().profile(plan=PLAN, governed_rates_hz=rates_hz)
    with contextlib.suppress(InterruptedProfileError):
        Bench().profile(
            plan=PLAN,
            governed_rates_hz=rates_hz,
            journal=ProfileJournal(path),
            progress=Interrupting(steps, interrupt),
        )
    listener = Listener()
    resumed = Bench().profile(plan=PLAN, governed_rates_hz=rates_hz, journal=ProfileJournal(path), progress=listener)
    assert [point.requested for point in resumed.points] == [point.requested for point in complete.points]
    assert len(resumed.parts) == len(complete.parts)
    assert [(each.cut, each.codec) for each in resumed.codecs] == [(each.cut, each.codec) for each in complete.codecs]
    assert [each.rate_hz for each in resumed.governed] == list(rates_hz)
    held = [(each.rate_hz, each.requested) for each in complete.paced]
    assert [(each.rate_hz, each.requested) for each in resumed.paced] == held
    assert len(held) == 4
    assert listener.told[-1][0] == listener.told[-1][1]


def test_a_finished_journal_needs_no_device(tmp_path: Path) -> None:
    """Interrupted between the last measurement and saving: nothing is measured again, and nothing changes."""
    journal = ProfileJournal(tmp_path / "journal")
    done = Bench().profile(plan=PLAN, governed_rates_hz=(20.0,), journal=journal)
    bench = Bench()
    again = bench.profile(plan=PLAN, governed_rates_hz=(20.0,), journal=ProfileJournal(journal.path))
    assert undated(again) == undated(done)
    assert bench.leased == []


def test_another_seed_plan_or_network_starts_from_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A journal counts for its key, plan, seed and clock table only; the log says that it was not used."""
    journal = ProfileJournal(tmp_path / "journal")
    journal.open(fresh())
    journal.add_point(PointRecord(point=Bench().profile(plan=QUICK).points[0]))
    assert len(journal.open(fresh()).points) == 1
    other = fresh()
    for changed in (
        fresh(dataclasses.replace(PLAN, seed=6)),
        fresh(dataclasses.replace(PLAN, window_runs=6)),
        dataclasses.replace(other, key=dataclasses.replace(other.key, driver="another")),
        dataclasses.replace(other, clock_table=other.clock_table[1:]),
    ):
        caplog.clear()
        again = ProfileJournal(journal.path)
        assert again.open(changed) == changed
        assert again.resumed_points == 0
        assert "starting from nothing" in caplog.text


def _wrong_field(text: str) -> str:
    document = json.loads(text)
    document["points"][0]["point"]["busy_w"] = "much"
    return json.dumps(document)


@pytest.mark.parametrize(
    ("damaged", "why"),
    [
        (lambda _: "", "journal: not JSON"),
        (lambda text: text[:-40], "journal: not JSON"),
        (lambda text: "\udcff" + text, "can't decode byte"),
        (lambda text: text.replace("journal/1", "journal/0"), "expected 'joulecut.profile-journal/1'"),
        (_wrong_field, "points[0].point.busy_w: 'much'"),
    ],
    ids=["empty", "half", "not text", "schema", "field"],
)
def test_a_damaged_journal_is_given_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damaged: Callable[[str], str], why: str
) -> None:
    """Or a service manager would start the agent in vain for ever. The log says what is thrown away, and why."""
    journal = ProfileJournal(tmp_path / "journal")
    journal.open(fresh())
    journal.add_point(PointRecord(point=Bench().profile(plan=QUICK).points[0]))
    journal.path.write_text(damaged(journal.path.read_text()), encoding="utf-8", errors="surrogateescape")
    size_bytes = journal.path.stat().st_size
    again = ProfileJournal(journal.path)
    assert again.open(fresh()) == fresh()
    assert again.resumed_points == 0
    assert f"{journal.path}, {size_bytes} bytes that an interrupted run measured, is damaged" in caplog.text
    assert why in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_measured_where_it_cannot_be_kept(tmp_path: Path) -> None:
    """A service manager would measure again and again; nor is what one cannot read thrown away."""
    (tmp_path / "file").touch()
    bench = Bench()
    with pytest.raises(ProfileError, match=r"file/journal: what is measured cannot be kept: .*; let this user write"):
        bench.profile(journal=ProfileJournal(tmp_path / "file" / "journal"))
    assert bench.leased == []
    (tmp_path / "journal").mkdir()
    with pytest.raises(ProfileError, match=r"journal: what was measured before cannot be read: Is a directory"):
        ProfileJournal(tmp_path / "journal").open(fresh())


def test_nothing_is_measured_on_a_full_disk(tmp_path: Path) -> None:
    """There may be room another day: an agent that starts for the first time is started again by its service."""
    journal = ProfileJournal(tmp_path / "journal")
    journal.path.with_name("journal.trial").symlink_to("/dev/full")
    with pytest.raises(JoulecutError, match=r"what is measured cannot be kept: No space left.*; make room") as failed:
        journal.open(fresh())
    assert exit_code(failed.value) is ExitCode.FAILED


def test_a_folder_that_fails_on_the_way_is_a_clear_error(tmp_path: Path) -> None:
    """As one that somebody exchanges for a file does."""
    journal = ProfileJournal(tmp_path / "profiles" / "journal")
    journal.open(fresh())
    journal.path.parent.rmdir()
    journal.path.parent.touch()
    with pytest.raises(ProfileError, match=r"what is measured cannot be kept: .*; let this user write there"):
        journal.add_point(PointRecord(point=Bench().profile(plan=QUICK).points[0]))


def test_nothing_is_kept_before_it_is_opened(tmp_path: Path) -> None:
    """A record without a key would belong to nobody; and an opened journal without records leaves no file."""
    journal = ProfileJournal(tmp_path / "journal")
    with pytest.raises(ProfileError, match="before the journal is opened"):
        journal.add_governed(Bench().profile(governed_rates_hz=(20.0,)).governed[0])
    journal.open(fresh())
    journal.remove()
    assert list(tmp_path.iterdir()) == []
    assert journal_path(Path("a/b.json")) == Path("a/b.json.journal")
