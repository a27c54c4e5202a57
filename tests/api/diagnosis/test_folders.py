"""Folders that joulecut writes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut.diagnosis import folders
from joulecut.diagnosis.finding import Finding, Status
from joulecut.diagnosis.folders import examine_folders, profile_cache


def by_name(cache: Path | None, services: dict[str, Path]) -> dict[str, Finding]:
    """The findings, by name."""
    return {finding.name: finding for finding in examine_folders(cache, services)}


def test_a_cache_that_can_be_made_is_in_order(tmp_path: Path) -> None:
    """The folder need not exist yet; looking does not make it."""
    cache = tmp_path / "joulecut" / "profiles"
    finding = by_name(cache, {})["profiles"]
    assert finding.status is Status.OK
    assert finding.facts["exists"] is False
    assert not cache.exists()


def test_a_cache_nobody_can_write_is_a_problem(tmp_path: Path) -> None:
    """Profiling for minutes and then failing to keep the result is what this prevents."""
    blocking = tmp_path / "file"
    blocking.write_text("not a folder")
    blocking.chmod(0o600)
    finding = by_name(blocking / "profiles", {})["profiles"]
    assert finding.status is Status.PROBLEM
    assert "XDG_CACHE_HOME" in (finding.remedy or "")


def test_a_full_disk_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little room for a profile is said before it is missing."""
    monkeypatch.setattr(folders, "_LEAST_FREE_BYTES", 1 << 62)
    assert by_name(tmp_path, {})["profiles"].status is Status.WARNING


def test_service_folders_belong_to_services(tmp_path: Path) -> None:
    """Without the systemd units their folders are not there: a note, not a fault."""
    found = by_name(None, {"runtime": tmp_path, "state": tmp_path / "missing"})
    assert found["runtime"].status is Status.OK
    assert found["state"].status is Status.NOTE
    assert "profiles" not in found


def test_the_cache_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder that `joulecut profile` really writes to."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert profile_cache() == tmp_path / "joulecut" / "profiles"
