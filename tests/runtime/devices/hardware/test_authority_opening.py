"""Which authority a process has."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import LeaseError
from joulecut_core.timing import ManualClock
from joulecut_runtime.clockd.book import STATE
from joulecut_runtime.devices.hardware import authority_opening
from joulecut_runtime.devices.hardware.authority_opening import open_authority
from joulecut_runtime.devices.hardware.clockd_authority import ClockdAuthority
from joulecut_runtime.devices.hardware.local_authority import LocalAuthority
from joulecut_runtime.devices.hardware.no_authority import NoAuthority
from tests.runtime.clockd.daemons import serving


def refusal(authority: object, board: str = "nvml:GPU-1") -> str:
    """What an authority that grants nothing says."""
    assert isinstance(authority, NoAuthority)
    with pytest.raises(LeaseError) as caught:
        authority.grant(board, OperatingPoint(core_mhz=1.0), holder="edge-agent")
    authority.close()
    return str(caught.value)


def test_a_daemon_that_answers_is_used_even_by_root(tmp_path: Path) -> None:
    """One lease book per machine where there can be one."""
    with (
        serving(tmp_path, now_s=ManualClock().now_s),
        closing(open_authority(root=tmp_path, socket=tmp_path / "sock", privileged=True)) as authority,
    ):
        assert isinstance(authority, ClockdAuthority)


def test_privileged_process_sets_clocks_itself(tmp_path: Path) -> None:
    """Without a daemon root needs none; its journals are where a daemon would look."""
    with closing(open_authority(root=tmp_path)) as authority:
        assert isinstance(authority, LocalAuthority)
        assert (tmp_path / STATE).is_dir()


def test_stale_socket_counts_as_no_daemon(tmp_path: Path) -> None:
    """A killed daemon's socket file does not stand in the way of root."""
    with serving(tmp_path, now_s=ManualClock().now_s):
        pass
    (tmp_path / "run/joulecut-clockd").mkdir(parents=True, exist_ok=True)
    (tmp_path / "sock").rename(tmp_path / "run/joulecut-clockd/clockd.sock")
    with closing(open_authority(root=tmp_path, privileged=True)) as authority:
        assert isinstance(authority, LocalAuthority)


def test_nobody_is_told_both_remedies(tmp_path: Path) -> None:
    """An unprivileged process without a daemon learns what to do, and who was refused."""
    text = refusal(open_authority(root=tmp_path, privileged=False))
    assert "start joulecut-clockd" in text
    assert "run as root" in text
    assert "edge-agent" in text


def test_a_socket_that_was_asked_for_is_not_passed_over(tmp_path: Path) -> None:
    """Who configured a daemon does not want clocks set behind its back."""
    authority = open_authority(root=tmp_path, socket=tmp_path / "none.sock", privileged=True)
    assert "none.sock" in refusal(authority)


def test_state_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """Without a place for what is to be put back nothing is ever changed."""
    (tmp_path / "run").write_text("not a folder")
    assert "put back" in refusal(open_authority(root=tmp_path, privileged=True))


def test_a_driver_that_hangs_does_not_hang_who_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel file that never answers costs a bounded time, and no clock is set behind it."""
    (tmp_path / "etc").mkdir()
    os.mkfifo(tmp_path / "etc/nv_tegra_release")
    monkeypatch.setattr(authority_opening, "OPENING_S", 0.05)
    try:
        assert "has blocked" in refusal(open_authority(root=tmp_path, privileged=True))
    finally:
        released = os.open(tmp_path / "etc/nv_tegra_release", os.O_RDWR)
        (tmp_path / "etc/nv_tegra_release").unlink()
        os.close(released)
