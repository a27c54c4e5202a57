"""A diagnosis survives its checks."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from joulecut.diagnosis import examination
from joulecut.diagnosis.examination import Check, _Run, examine
from joulecut.diagnosis.finding import Area, Finding, Status


def good(name: str = "good") -> Finding:
    """Something that is in order."""
    return Finding(area=Area.HOST, name=name, status=Status.OK, what="fine")


def test_a_check_that_breaks_becomes_a_finding() -> None:
    """No traceback: what was found before stays, the crash is a problem with a remedy, the next check runs."""

    def breaks() -> Iterator[Finding]:
        yield good("first half")
        raise ZeroDivisionError("division\nby zero")

    first, crash, after = examine(
        [
            Check(area=Area.METER, name="meter", examine=breaks),
            Check(area=Area.HOST, name="next", examine=lambda: [good()]),
        ]
    )
    assert first.name == "first half"
    assert (crash.area, crash.name, crash.status) == (Area.METER, "meter", Status.PROBLEM)
    assert crash.what == "the check broke: ZeroDivisionError: division by zero"
    assert crash.remedy
    assert after == good()


def test_a_check_without_its_library_is_a_note() -> None:
    """A host that only plans has no problem: the finding names what to install."""

    def lacks() -> Iterator[Finding]:
        yield good("first half")
        raise ModuleNotFoundError("No module named 'cryptography'", name="cryptography")

    _, found = examine([Check(area=Area.TLS, name="certificates", examine=lacks)])
    assert (found.area, found.name, found.status) == (Area.TLS, "certificates", Status.NOTE)
    assert found.what == "not looked at: cryptography is not installed"
    assert "joulecut[agents]" in (found.remedy or "")


def test_a_check_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that never answers costs its time limit and a finding, and what it said before is kept."""
    never, reached = threading.Event(), threading.Event()

    def hangs() -> Iterator[Finding]:
        yield good("before")
        reached.set()
        never.wait()

    class Reaching(_Run):
        def wait(self) -> tuple[Finding, ...]:
            assert reached.wait(20.0)
            return super().wait()

    monkeypatch.setattr(examination, "_Run", Reaching)
    found = examine([Check(area=Area.DEVICE, name="gpu", examine=hangs, timeout_s=0.05)])
    never.set()
    assert [finding.name for finding in found] == ["before", "gpu"]
    assert found[1].status is Status.PROBLEM
    assert "no answer within 0.05 s" in found[1].what
