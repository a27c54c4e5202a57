"""Rules and limits without a restart: when the file is read, and what becomes of a bad one."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from joulecut_core.configuration import Sources, read_configuration
from joulecut_proto import event_loops
from joulecut_server import rule_changes
from joulecut_server.access.options import AccessOptions, EdgeRule
from joulecut_server.config import ServerConfig
from joulecut_server.limits import Limits
from joulecut_server.reporting.rule_metrics import RuleMetrics
from joulecut_server.rule_changes import ConfigSource, RuleChanges, bear_hangups

WAIT_S = 20.0
START = """
device = "emulated:t4"
bundles = ["net"]
[limits]
streams = 10
[tls]
authority = "a.pem"
certificate = "c.pem"
key = "k.pem"
"""
RULE = '[[access.edges]]\nnames = ["cam"]\n'


class Changing:
    """A configuration file that is written again, and what is carried out of it."""

    def __init__(self, folder: Path, text: str = START) -> None:
        self.file = folder / "server.toml"
        self.file.write_text(text, encoding="utf-8")
        sources = Sources(file=self.file)
        source = ConfigSource.of(self.file, lambda: read_configuration(ServerConfig, sources).values)
        self.applied: list[tuple[AccessOptions | None, Limits]] = []
        self.defects: list[Exception] = []
        self.heard = asyncio.Event()
        self.changes = RuleChanges(source, source.read(), self._apply)

    def write(self, text: str) -> None:
        """As an editor does that renames."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(self.file)

    def looks(self, count: int) -> None:
        """That often, with nothing changing in between."""
        for _ in range(count):
            asyncio.run(self.changes.look())

    async def _apply(self, access: AccessOptions | None, limits: Limits) -> int:
        if self.defects:
            raise self.defects.pop()
        self.applied.append((access, limits))
        self.heard.set()
        return 2


def test_a_change_is_taken_once_it_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not at the look that notices it: an editor may be in the middle of writing."""
    caplog.set_level(logging.INFO)
    each = Changing(tmp_path)
    each.looks(3)
    each.write(START + RULE)
    each.looks(1)
    assert each.applied == []
    each.looks(3)
    assert each.applied == [(AccessOptions(edges=(EdgeRule(names=("cam",)),)), Limits(streams=10))]
    assert (each.changes.taken, each.changes.ended, each.changes.is_stale) == (1, 2, False)
    assert "rules and limits have changed; 2 sessions and streams end by them" in caplog.text
    asyncio.run(each.changes.read())
    assert len(each.applied) == each.changes.taken == 1, "what is in force already is not carried out again"


def test_a_file_that_goes_on_changing_waits(tmp_path: Path) -> None:
    """Half of a file may be a valid one, with other rules."""
    each = Changing(tmp_path)
    for streams in (11, 12, 13):
        each.write(START.replace("10", str(streams)))
        each.looks(1)
    assert each.applied == []
    each.looks(1)
    assert [limits.streams for _, limits in each.applied] == [13]


def test_a_file_that_never_rests_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Once, and the gauge says that its rules are not in force; left alone it is taken, and asked for, at once."""
    each = Changing(tmp_path)
    for streams in range(11, 31):
        each.write(START.replace("10", str(streams)))
        each.looks(1)
    assert (each.applied, each.changes.is_stale, each.changes.refused) == ([], True, 1)
    assert caplog.text.count("has changed at each of the last 5 looks") == 1
    asyncio.run(each.changes.read())
    each.write(START.replace("10", "31"))
    each.looks(2)
    assert [limits.streams for _, limits in each.applied] == [30, 31]
    assert not each.changes.is_stale


def test_a_bad_file_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither its bad part nor its good one, and the log says once what is wrong; the next good file is taken."""
    each = Changing(tmp_path)
    for bad, complaint in (
        (START.replace("10", "20") + "[[access.edges]]\nnames = []\n", "names and networks must name somebody"),
        ("device = ", "server.toml"),
        (START + "[acess]\n", "acess"),
    ):
        caplog.clear()
        each.write(bad)
        each.looks(4)
        assert each.applied == []
        assert each.changes.is_stale
        assert caplog.text.count("new rules are not used, those before stay in force") == 1
        assert complaint in caplog.text
    assert each.changes.refused == 3
    each.file.unlink()
    each.looks(2)
    each.write(START.replace("10", "30"))
    each.looks(2)
    assert [limits.streams for _, limits in each.applied] == [30]
    assert not each.changes.is_stale


def test_a_file_that_is_gone_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Once, and not while it is replaced; the rules before stay in force until there is a file again."""
    each = Changing(tmp_path)
    each.file.unlink()
    each.looks(1)
    assert (each.changes.is_stale, caplog.text) == (False, "")
    each.looks(3)
    assert (each.applied, each.changes.is_stale, each.changes.refused) == ([], True, 1)
    assert caplog.text.count("new rules are not used, those before stay in force") == 1
    assert "server.toml" in caplog.text
    each.write(START)
    each.looks(2)
    assert (each.applied, each.changes.is_stale) == ([], False)


def test_rules_that_could_not_be_carried_out_are_not_in_force(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """They are tried again, once told of, and later ones are read."""
    each = Changing(tmp_path)
    each.write(START + RULE)
    each.defects = [RuntimeError("half of it"), RuntimeError("half of it")]
    each.looks(3)
    assert (each.applied, each.changes.taken, each.changes.refused) == ([], 0, 1)
    assert each.changes.is_stale
    assert caplog.text.count("could not be put in force as a whole") == 1
    each.looks(1)
    assert (len(each.applied), each.changes.taken) == (1, 1)
    assert not each.changes.is_stale


def test_a_file_that_could_not_be_read_is_read_once_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever takes an agent's descriptors keeps nobody from losing a right: the file does not change a second time."""
    each = Changing(tmp_path)
    each.write(START + RULE)
    with monkeypatch.context() as full:
        opened = Path.open

        def refuse(path: Path, *arguments: Any, **options: Any) -> Any:
            if path == each.file:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return opened(path, *arguments, **options)

        full.setattr(Path, "open", refuse)
        each.looks(5)
    assert (each.applied, each.changes.refused, each.changes.is_stale) == ([], 1, True)
    assert caplog.text.count("Too many open files") == 1
    each.looks(1)
    assert [access and access.edges[0].names for access, _ in each.applied] == [("cam",)]
    assert not each.changes.is_stale


def test_rules_do_not_vanish(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that ends before its rules is a whole one too, and would let everybody in; that is to be said instead."""
    each = Changing(tmp_path, START + RULE)
    each.write(START)
    each.looks(2)
    assert (each.applied, each.changes.is_stale) == ([], True)
    assert "access: this table is gone" in caplog.text
    each.write(START + RULE.replace("cam", "*"))
    each.looks(2)
    assert [access and access.edges[0].names for access, _ in each.applied] == [("*",)]


def test_rules_need_certificates_that_are_there_already(tmp_path: Path) -> None:
    """A server that was started without `[tls]` cannot tell edges apart, whatever the file says by now."""
    bare = START.partition("[tls]")[0]
    each = Changing(tmp_path, bare)
    each.write(START + RULE)
    each.looks(2)
    assert (each.applied, each.changes.refused) == ([], 1)


def test_other_keys_take_a_restart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """They are named, and do not keep the rules beside them from being taken."""
    each = Changing(tmp_path)
    each.write(START.replace('"net"', '"net", "more"').replace("10", "20"))
    each.looks(2)
    assert "a restart is what these changes take: bundles" in caplog.text
    assert len(each.applied) == 1


def test_a_file_that_says_the_same_ends_nothing(tmp_path: Path) -> None:
    """Comments may change."""
    each = Changing(tmp_path)
    each.write("# mine\n" + START)
    each.looks(2)
    assert (each.applied, each.changes.taken, each.changes.refused) == ([], 0, 0)


def test_sighup_reads_at_once(tmp_path: Path) -> None:
    """As `systemctl reload` does; afterwards the signal means what it meant, while the agent drains for instance."""
    default = signal.getsignal(signal.SIGHUP)
    bear_hangups()
    before = signal.getsignal(signal.SIGHUP)

    async def run() -> Changing:
        each = Changing(tmp_path)
        keeping = asyncio.create_task(each.changes.keep())
        each.write(START.replace("10", "20"))
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.wait_for(each.heard.wait(), WAIT_S)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        return each

    try:
        assert [limits.streams for _, limits in asyncio.run(run()).applied] == [20]
        assert signal.getsignal(signal.SIGHUP) == before != default
    finally:
        signal.signal(signal.SIGHUP, default)


def test_a_look_is_not_taken_for_a_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A timer of the agents' loop may be due a moment after it has rung: a file in the middle of a change was read."""
    monkeypatch.setattr(rule_changes, "_LOOK_S", 0.002)
    each, looks, enough = Changing(tmp_path), 0, asyncio.Event()

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 200:
            enough.set()

    async def read() -> None:
        pytest.fail("read without a signal")

    monkeypatch.setattr(each.changes, "look", look)
    monkeypatch.setattr(each.changes, "read", read)

    async def run() -> None:
        keeping = asyncio.create_task(each.changes.keep())
        await asyncio.wait({keeping, asyncio.create_task(enough.wait())}, return_when=asyncio.FIRST_COMPLETED)
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping

    event_loops.run(run())
    assert looks >= 200


def test_a_pipe_is_read_once() -> None:
    """As shells give one, `--config <(...)`: when it is read again it is empty, which are no rules for anybody."""
    reader, writer = os.pipe()
    os.write(writer, b"[limits]\nstreams = 10\n")
    os.close(writer)
    applied = []

    async def apply(access: AccessOptions | None, limits: Limits) -> int:
        applied.append((access, limits))
        return 0

    try:
        sources = Sources(file=Path(f"/dev/fd/{reader}"), flags={"device": "emulated:t4", "bundles": ["net"]})
        source = ConfigSource.of(Path(f"/dev/fd/{reader}"), lambda: read_configuration(ServerConfig, sources).values)
        started = source.read()
        changes = RuleChanges(source, started, apply)
        asyncio.run(changes.read())
    finally:
        os.close(reader)
    assert started.limits.streams == 10
    assert (applied, changes.refused, changes.is_stale) == ([], 1, True)


def test_metrics_tell(tmp_path: Path) -> None:
    """Of a file that is not in force, above all: nobody reads the log of a server that works."""
    each = Changing(tmp_path)
    each.write(START + RULE)
    each.looks(2)
    each.write("nothing")
    each.looks(2)
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in RuleMetrics(each.changes).collect()
        for sample in family.samples
    }
    assert samples == {
        ("joulecut_rule_changes_total", "taken"): 1.0,
        ("joulecut_rule_changes_total", "refused"): 1.0,
        ("joulecut_ended_by_rules_total",): 2.0,
        ("joulecut_rules_stale",): 1.0,
    }
