"""What a diagnosis says of the paths that agents' files name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from joulecut.diagnosis import folders
from joulecut.diagnosis.finding import Area, Finding, Status
from joulecut.diagnosis.named_paths import examine_named_paths

DIGEST = "sha256:" + "0" * 64


def found(folder: Path, text: str) -> dict[str, Finding]:
    """The findings about a file with this text, by the key that names the path."""
    path = folder / "agent.toml"
    path.write_text(f'device = "cpu"\n{text}', encoding="utf-8")
    findings = list(examine_named_paths([path]))
    assert all(each.area is Area.FOLDERS and each.facts["config"] == str(path) for each in findings)
    return {each.name.removeprefix("agent.toml: "): each for each in findings}


def packed(folder: Path) -> Path:
    """What looks like a packed network from outside."""
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    return folder


def test_an_edge_whose_paths_are_well(tmp_path: Path) -> None:
    """Its network is there, and its profiles can be kept in a folder that is made when it is needed."""
    findings = found(tmp_path, f'bundle = "{packed(tmp_path / "net")}"\nprofiles = "{tmp_path}/new/profiles"\n')
    assert {key: each.status for key, each in findings.items()} == {"bundle": Status.OK, "profiles": Status.OK}
    assert not (tmp_path / "new").exists()


def test_a_server_names_more(tmp_path: Path) -> None:
    """Several networks, of which one is missing, what it counts in, and shipped profiles that are not there."""
    bundles = f'bundles = ["{packed(tmp_path / "a")}", "{tmp_path}/b"]'
    path = tmp_path / "server.toml"
    path.write_text(f'device = "cpu"\n{bundles}\nstate = "{tmp_path}"\nshipped_profiles = ["/no/such"]\n')
    findings = list(examine_named_paths([path]))
    assert [(each.facts["key"], each.status) for each in findings] == [
        ("bundles", Status.OK),
        ("bundles", Status.PROBLEM),
        ("state", Status.OK),
        ("shipped_profiles", Status.WARNING),
    ]
    assert findings[1].what == f"{tmp_path}/b holds no packed network"
    assert "joulecut pack" in (findings[1].remedy or "")


def test_a_network_that_is_fetched_need_not_be_there(tmp_path: Path) -> None:
    """With its digest; without, the edge does not start."""
    missing = f'bundle = "{tmp_path}/net"\n'
    assert found(tmp_path, missing)["bundle"].status is Status.PROBLEM
    assert found(tmp_path, f'{missing}digest = "{DIGEST}"\n')["bundle"].status is Status.NOTE


def test_a_file_in_the_place_of_a_network(tmp_path: Path) -> None:
    """It holds none."""
    (tmp_path / "net").write_text("")
    assert found(tmp_path, f'bundle = "{tmp_path}/net"\n')["bundle"].status is Status.PROBLEM


def test_little_room_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where profiles are kept."""
    monkeypatch.setattr(folders, "_LEAST_FREE_BYTES", 1 << 62)
    assert found(tmp_path, f'bundle = "b"\nprofiles = "{tmp_path}"\n')["profiles"].status is Status.WARNING


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter and write everything")
def test_what_another_user_keeps_is_a_note(tmp_path: Path) -> None:
    """The agent may be that user: neither right nor wrong from here."""
    own = tmp_path / "own"
    packed(own)
    own.chmod(0o000)
    try:
        findings = found(tmp_path, f'bundle = "{own}/net"\nprofiles = "{own}/profiles"\n')
    finally:
        own.chmod(0o700)
    assert {each.status for each in findings.values()} == {Status.NOTE}


def test_files_that_no_agent_starts_with_are_told_of_elsewhere(tmp_path: Path) -> None:
    """Nothing is said of their paths, nor of a pool's."""
    assert found(tmp_path, "bundel = 1\n") == {}
    assert found(tmp_path, 'bundles = ["b"]\n[pool]\nfolder = "f"\n') == {}
