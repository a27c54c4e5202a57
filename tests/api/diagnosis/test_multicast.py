"""Whether announcements come back to this host."""

from __future__ import annotations

import sys

import pytest

from joulecut.diagnosis import multicast
from joulecut.diagnosis.finding import Status
from joulecut.diagnosis.multicast import examine_multicast
from tests.proto.test_discovery import _multicast_works

LOOPBACK = "127.0.0.1"


@pytest.mark.skipif(not _multicast_works(), reason="multicast does not work on this machine's loopback")
def test_an_announcement_is_seen() -> None:
    """On real sockets: what is announced comes back, and is not oversold."""
    (finding,) = examine_multicast(LOOPBACK, timeout_s=5.0)
    assert finding.status is Status.OK
    assert finding.facts["seen"] is True
    assert "depends on the network" in finding.what


def test_silence_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fixed address does without multicast, so its absence is no problem."""

    def hear_nothing(interface: str | None, timeout_s: float) -> tuple[bool, list[str]]:
        del interface, timeout_s
        return False, []

    monkeypatch.setattr(multicast, "_announce_and_look", hear_nothing)
    (finding,) = examine_multicast(LOOPBACK, timeout_s=2.0)
    assert finding.status is Status.WARNING
    assert "did not come back within 2 s" in finding.what


def test_an_interface_without_multicast_is_a_warning() -> None:
    """An address that is not this machine's is refused by the kernel, and the refusal is told."""
    (finding,) = examine_multicast("203.0.113.9", timeout_s=0.5)
    assert finding.status is Status.WARNING
    assert "allows no multicast" in finding.what


def test_without_zeroconf_there_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain install does not announce; it says which extra would."""
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    (finding,) = examine_multicast()
    assert finding.status is Status.NOTE
    assert "zeroconf is not installed" in finding.what
    assert "joulecut[agents]" in (finding.remedy or "")
