"""What a diagnosis says of agents' configuration files."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut.diagnosis.agent_settings import role_of
from joulecut.diagnosis.configurations import examine_configurations
from joulecut.diagnosis.finding import Area, Finding, Status
from joulecut_proto.security.identity import Role

EDGE = 'device = "cpu"\nbundle = "b"\n'
SERVER = 'device = "cpu"\nbundles = ["b"]\n'


def found(folder: Path, text: str) -> Finding:
    """The finding about a file with this text."""
    path = folder / "agent.toml"
    path.write_text(text, encoding="utf-8")
    (finding,) = examine_configurations([path])
    assert (finding.area, finding.name, finding.facts["config"]) == (Area.CONFIG, "agent.toml", str(path))
    return finding


@pytest.mark.parametrize(
    ("text", "program"),
    [(EDGE, "edge-agent"), (SERVER, "server-agent"), (f'{SERVER}[pool]\nfolder = "f"\n', "pool")],
)
def test_a_right_file(tmp_path: Path, text: str, program: str) -> None:
    """Each program's file is known by its keys, and is fine."""
    finding = found(tmp_path, text)
    assert (finding.status, finding.facts["program"]) == (Status.OK, program)


@pytest.mark.parametrize(
    ("text", "program", "words"),
    [
        ('lisen = "x"\n', "server-agent", "lisen: unknown key; did you mean 'listen'?"),
        (f'{EDGE}servr = "gpu-box:50551"\n', "edge-agent", "servr: unknown key; did you mean 'server'?"),
        (f"{EDGE}[slo]\nlatency = 0.05\n", "edge-agent", "slo.latency: unknown key; did you mean 'latency_s'?"),
        (f'{EDGE}renew_s = "soon"\n', "edge-agent", "renew_s: 'soon'; expected"),
        (f"{EDGE}renew_s = 0.1\n", "edge-agent", "renew_s: 0.1; expected at least 1 second"),
        (f"{SERVER}bundle = 'b'\n", "server-agent", "bundle: unknown key; did you mean 'bundles'?"),
        (f'{SERVER}[serving]\npolicy = "fixed"\nslo_s = 0\n', "server-agent", "serving.slo_s: 0"),
        (f'{SERVER}[tls]\nkey = "k"\n', "server-agent", "tls.authority: missing"),
        (f"{SERVER}[pool]\nfoldr = 'f'\n", "pool", "pool.foldr: unknown key; did you mean 'folder'?"),
        (
            'bundle = "b"\n',
            "edge-agent",
            "device: missing; expected a string; give it as a flag, as JOULECUT_EDGE",
        ),
        ("[tls", "agent", "not TOML"),
    ],
)
def test_a_wrong_file(tmp_path: Path, text: str, program: str, words: str) -> None:
    """What the program itself would say at its start is a problem, with a remedy."""
    finding = found(tmp_path, text)
    assert (finding.status, finding.facts["program"]) == (Status.PROBLEM, program)
    assert words in finding.what
    assert "agent.toml" in finding.what
    assert "mend the file" in (finding.remedy or "")


def test_variables_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an agent's container, what it gets by variables is not missing in its file."""
    monkeypatch.setenv("JOULECUT_EDGE_DEVICE", "cpu")
    assert found(tmp_path, 'bundle = "b"\n').status is Status.OK


def test_no_file_is_a_note() -> None:
    """A host without agents has nothing wrong with it."""
    (finding,) = examine_configurations([])
    assert (finding.area, finding.status, finding.remedy) == (Area.CONFIG, Status.NOTE, "give one with --config")


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    """Named by mistake, each is a problem and the next file is looked at."""
    missing, folder = examine_configurations([tmp_path / "edge.toml", tmp_path])
    assert (missing.status, folder.status) == (Status.PROBLEM, Status.PROBLEM)
    assert "no such file" in missing.what
    assert "is a folder" in folder.what


@pytest.mark.parametrize(
    ("keys", "role"),
    [
        (("bundle",), Role.EDGE),
        (("bundles", "server"), Role.SERVER),
        (("device", "server", "wires"), Role.EDGE),
        (("device", "state"), Role.SERVER),
        ((), Role.SERVER),
    ],
)
def test_whose_file_it_is(keys: tuple[str, ...], role: Role) -> None:
    """By the keys that only one of them has."""
    assert role_of(dict.fromkeys(keys, "x")) is role
