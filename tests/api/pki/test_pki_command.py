"""`joulecut pki` as a person types it: files, words, JSON and exit codes."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from joulecut.commands.pki import app
from joulecut.pki import private_files
from joulecut_core.programs import run_program
from joulecut_proto.security.identity import Role

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(name="pki")
def _pki(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    parent = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    parent.add_typer(app)

    def run(*arguments: object) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        with pytest.raises(SystemExit) as ended:
            raise SystemExit(run_program(lambda: parent(["pki", *(str(argument) for argument in arguments)])))
        output = capsys.readouterr()
        return int(ended.value.code or 0), output.out, output.err

    return run


def certificates(out: str) -> list[dict[str, Any]]:
    """What a document says of each certificate."""
    document = json.loads(out)
    assert document["schema"] == "joulecut.certificates/1"
    found: list[dict[str, Any]] = document["certificates"]
    return found


def test_from_nothing_to_two_agents(pki: Command, tmp_path: Path) -> None:
    """The three commands of every site: afterwards both agents have their three files, and `show` says whose."""
    assert pki("init", "--site", "lab")[0] == 0
    assert pki("issue", "server", "gpu-box", "--host", "gpu-box.local", "--ip", "192.0.2.7")[0] == 0
    assert pki("issue", "edge", "camera-1")[:2] == (0, "edge-camera-1: the certificate of spiffe://lab/edge/camera-1\n")
    for folder in ("server-gpu-box", "edge-camera-1"):
        files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / folder).iterdir()}
        assert files == {"certificate.pem": 0o644, "key.pem": 0o600, "authority.pem": 0o644}
    code, out, _ = pki("show", "server-gpu-box", "edge-camera-1/certificate.pem", "pki/authority.pem", "--json")
    server, edge, authority = certificates(out)
    assert code == 0
    assert (server["hosts"], server["addresses"]) == (["gpu-box.local"], ["192.0.2.7"])
    assert edge["identity"] == "spiffe://lab/edge/camera-1"
    assert 89.9 < edge["days_left"] <= 90
    assert (authority["authority"], authority["identity"], authority["validity"]) == (True, "", "valid")
    assert certificates(pki("show", "pki", "--json")[1]) == [{**authority, "source": "pki"}]
    code, out, _ = pki("show", "server-gpu-box")
    assert "spiffe://lab/server/gpu-box" in out
    assert "90 days" in out


def test_mistakes_are_bad_input(pki: Command, tmp_path: Path) -> None:
    """One line each, exit status 2, and nothing is overwritten."""
    assert pki("issue", "edge", "x")[0] == 2
    assert pki("init", "--site", "lab")[0] == 0
    assert pki("issue", "edge", "x")[0] == 0
    key = (tmp_path / "edge-x" / "key.pem").read_bytes()
    issued = (tmp_path / "pki" / "issued.jsonl").read_text()
    for arguments, message in (
        (("init", "--site", "lab"), "holds an authority already"),
        (("issue", "edge", "x"), "edge-x/certificate.pem: exists"),
        (("issue", "server", "x"), "give --host or --ip"),
        (("issue", "edge", "a/b"), "name 'a/b'"),
        (("issue", "edge", "y", "--csr", "nowhere.pem"), "request nowhere.pem: No such file"),
        (("show", "edge-x/key.pem"), "certificate edge-x/key.pem: not PEM, damaged, or"),
        (("renew", "nowhere"), "certificate nowhere/certificate.pem: No such file"),
        (("rotate-authority", "finish"), "no retired authority"),
    ):
        code, out, err = pki(*arguments)
        assert (code, out) == (2, "")
        assert message in err
        assert len(err.splitlines()) == 1
    assert (tmp_path / "edge-x" / "key.pem").read_bytes() == key
    assert (tmp_path / "pki" / "issued.jsonl").read_text() == issued


def test_an_issue_that_was_cut_short_is_repeated(pki: Command, tmp_path: Path) -> None:
    """A loss of power between key and certificate leaves a key alone: the same command certifies that one."""
    assert pki("init", "--site", "lab")[0] == 0
    assert pki("issue", "edge", "x")[0] == 0
    folder = tmp_path / "edge-x"
    key = (folder / "key.pem").read_bytes()
    (folder / "certificate.pem").unlink()
    code, _, err = pki("issue", "edge", "y", "--csr", tmp_path / "nowhere", "--out", "edge-x")
    assert code == 2
    assert "edge-x/key.pem: exists; choose another --out" in err
    assert pki("issue", "edge", "x")[0] == 0
    assert (folder / "key.pem").read_bytes() == key
    assert pki("install", "edge-x", "edge-x")[0] == 0


def test_a_passphrase_file_that_others_read_is_refused(pki: Command, tmp_path: Path) -> None:
    """What protects the authority's key is itself protected."""
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse\n")
    passphrase.chmod(0o644)
    code, _, err = pki("init", "--site", "lab", "--passphrase-file", passphrase)
    assert code == 2
    assert "others may read it" in err
    passphrase.chmod(0o600)
    assert pki("init", "--site", "lab", "--passphrase-file", passphrase)[0] == 0
    assert b"ENCRYPTED" in (tmp_path / "pki" / "authorities" / "1" / "key.pem").read_bytes()
    assert pki("issue", "edge", "x", "--passphrase-file", passphrase)[0] == 0
    assert pki("issue", "edge", "y")[0] == 2


def test_a_key_stays_on_its_host(pki: Command, tmp_path: Path) -> None:
    """request, issue --csr, install; a second request keeps the key, one with --new-key keeps the old in use."""
    pki("init", "--site", "lab")
    assert pki("request", "edge", "camera-1", "--site", "lab")[0] == 0
    key = (tmp_path / "edge-camera-1" / "key.pem").read_bytes()
    assert pki("issue", "edge", "camera-1", "--csr", "edge-camera-1/request.pem", "--out", "issued")[0] == 0
    assert not (tmp_path / "issued" / "key.pem").exists()
    code, out, _ = pki("install", "issued", "edge-camera-1", "--json")
    assert (code, certificates(out)[0]["identity"]) == (0, "spiffe://lab/edge/camera-1")
    assert pki("request", "edge", "camera-1", "--site", "lab")[0] == 0
    assert not (tmp_path / "edge-camera-1" / "next-key.pem").exists()
    code, out, _ = pki("request", "edge", "camera-1", "--site", "lab", "--new-key", "--json")
    assert json.loads(out)["key"] == "edge-camera-1/next-key.pem"
    assert (tmp_path / "edge-camera-1" / "key.pem").read_bytes() == key
    assert pki("issue", "edge", "camera-1", "--csr", "edge-camera-1/request.pem", "--out", "again")[0] == 0
    assert pki("install", "again", "edge-camera-1")[0] == 0
    assert (tmp_path / "edge-camera-1" / "key.pem").read_bytes() != key


def test_a_timers_renewal_and_a_change_of_authority(pki: Command) -> None:
    """`--within` touches what needs it; each step says the next one."""
    pki("init", "--site", "lab")
    pki("issue", "edge", "x", "--days", "20")
    pki("issue", "edge", "y", "--days", "90")
    code, out, _ = pki("renew", "edge-x", "edge-y", "--within", "30")
    assert code == 0
    assert [line.split(",")[0] for line in out.splitlines()] == ["edge-x: renewed", "edge-y: kept"]
    assert "rotate-authority switch" in pki("rotate-authority", "begin")[1]
    assert "rotate-authority finish" in pki("rotate-authority", "switch")[1]
    code, out, _ = pki("renew", "edge-x", "edge-y", "--within", "5", "--json")
    assert len({row["issuer"] for row in certificates(out)}) == 1
    assert len(certificates(pki("rotate-authority", "finish", "--json")[1])) == 1


def test_a_folder_that_cannot_be_renewed_stops_no_other(pki: Command, tmp_path: Path) -> None:
    """A timer renews all that it finds: what is left over in one place would let all agents after it run out."""
    pki("init", "--site", "lab")
    for name in ("a", "c"):
        pki("issue", "edge", name, "--days", "5")
    (tmp_path / "edge-b").mkdir()
    (tmp_path / "edge-d").mkdir()
    code, out, error = pki("renew", "edge-a", "edge-b", "edge-c", "edge-d")
    assert (code, [line.split(",")[0] for line in out.splitlines()]) == (2, ["edge-a: renewed", "edge-c: renewed"])
    assert len(error.splitlines()) == 1
    assert error.index("edge-b/certificate.pem: No such file") < error.index("edge-d/certificate.pem: No such file")
    assert [row["source"] for row in certificates(pki("renew", "edge-b", "edge-a", "--json")[1])] == ["edge-a"]
    assert pki("renew", "edge-b", "--json")[:2] == (2, "")
    code, out, error = pki("renew", *(f"edge-{number}" for number in range(20)))
    assert (code, out, error.count("No such file")) == (2, "", 8)
    assert error.endswith("; and 12 more\n")


def test_two_commands_at_once_take_turns(pki: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A timer's renewal meets a person's: keys and certificates of both, or of two authorities, would be mixed."""
    assert pki("init", "--site", "lab")[0] == 0
    assert pki("issue", "edge", "camera-1")[0] == 0
    monkeypatch.setattr(private_files, "_PATIENCE_S", 0.0)
    with private_files.held_alone(Path("pki")):
        for command in (("issue", "edge", "b"), ("renew", "edge-camera-1"), ("rotate-authority", "begin")):
            code, out, error = pki(*command)
            assert (code, out) == (2, "")
            assert "pki: another `joulecut pki` works on it; try again" in error
    assert pki("renew", "edge-camera-1", "--new-key")[0] == 0


def test_roles_of_the_command_are_those_of_identities() -> None:
    """The command line lists them itself, so that its help loads nothing."""
    from joulecut.commands.pki import RoleName  # noqa: PLC0415

    assert [each.value for each in RoleName] == [each.value for each in Role]
