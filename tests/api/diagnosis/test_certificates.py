"""What a diagnosis says of an agent's certificate files."""

from __future__ import annotations

import os
import socket
from datetime import datetime, timezone
from pathlib import Path

import pytest

from joulecut.diagnosis.agent_settings import read_settings, usual_configs
from joulecut.diagnosis.certificates import examine_certificates
from joulecut.diagnosis.finding import Finding, Status
from joulecut.pki import Names
from joulecut_core.errors import ConfigError
from joulecut_proto.security.identity import Role
from tests.api.pki.made_up_site import CAMERA, DAY, NOW, SERVER, issued, make_site
from tests.fakes.certificates import TestAuthority


def edge_file(folder: Path, credentials: Path, *, server: str = "gpu-box.invalid:50551") -> Path:
    """An edge-agent's configuration."""
    path = folder / "edge.toml"
    path.write_text(f'device = "cpu"\nbundle = "b"\nserver = "{server}"\n{tls_table(credentials)}')
    return path


def tls_table(credentials: Path) -> str:
    """The table of an agent with these."""
    names = ("authority", "certificate", "key")
    return "[tls]\n" + "".join(f'{name} = "{credentials / name}.pem"\n' for name in names)


def found(path: Path, now: datetime = NOW) -> list[Finding]:
    """The findings about one file."""
    return list(examine_certificates([path], now=now))


def worst_of(findings: list[Finding]) -> Finding:
    """The finding that matters most."""
    return max(findings, key=lambda finding: finding.status.rank)


def test_a_right_edge(tmp_path: Path) -> None:
    """Whose certificate, who signed it, how long it lasts; nothing to complain of."""
    credentials = issued(make_site(tmp_path), tmp_path / "edge")
    findings = found(edge_file(tmp_path, credentials))
    assert {finding.status for finding in findings} == {Status.OK}
    words = "; ".join(finding.what for finding in findings)
    assert "spiffe://lab/edge/camera-1" in words
    assert "valid for 90 days" in words


@pytest.mark.parametrize(
    ("days", "status", "message"),
    [
        (-1, Status.PROBLEM, "valid only from 2026-05-04 11:55 UTC; this host's clock says 2026-05-03 12:00"),
        (75, Status.OK, "valid for 15 days"),
        (77, Status.WARNING, "ends in 13.0 days"),
        (91, Status.PROBLEM, "ended 2026-08-02 12:00 UTC"),
    ],
)
def test_time(tmp_path: Path, days: int, status: Status, message: str) -> None:
    """Two weeks before the end is a warning; before the start the clock is what is wrong."""
    path = edge_file(tmp_path, issued(make_site(tmp_path), tmp_path / "edge"))
    findings = found(path, NOW + days * DAY)
    assert worst_of(findings).status is status
    assert any(message in finding.what for finding in findings)


def test_an_authority_that_ends(tmp_path: Path) -> None:
    """Nobody renews a certificate past it."""
    path = edge_file(tmp_path, issued(make_site(tmp_path, days=20), tmp_path / "edge"))
    worst = worst_of(found(path, NOW + 8 * DAY))
    assert worst.status is Status.WARNING
    assert any("rotate-authority" in (finding.remedy or "") for finding in found(path, NOW + 8 * DAY))


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    """Another pair's key, a missing file, another site's authority, a certificate of another role."""
    site = make_site(tmp_path)
    edge, server = issued(site, tmp_path / "edge"), issued(site, tmp_path / "server", SERVER)
    path = edge_file(tmp_path, edge)
    key = (edge / "key.pem").read_bytes()

    (edge / "key.pem").write_bytes((server / "key.pem").read_bytes())
    assert "not the key of certificate" in worst_of(found(path)).what
    (edge / "key.pem").unlink()
    assert "No such file" in worst_of(found(path)).what
    (edge / "key.pem").write_bytes(key)
    (edge / "key.pem").chmod(0o600)
    (edge / "authority.pem").write_bytes(make_site(tmp_path / "other").trusted_pem())
    assert "is not signed by the [tls] authority" in worst_of(found(path)).what
    worst = worst_of(found(edge_file(tmp_path, server)))
    assert "of spiffe://lab/server/gpu-box; edge.toml is of role edge" in worst.what


@pytest.mark.parametrize(("mode", "status"), [(0o600, Status.OK), (0o640, Status.OK), (0o644, Status.PROBLEM)])
def test_who_may_read_the_key(tmp_path: Path, mode: int, status: Status) -> None:
    """A group of the agent's may, the world may not."""
    credentials = issued(make_site(tmp_path), tmp_path / "edge")
    (credentials / "key.pem").chmod(mode)
    worst = worst_of(found(edge_file(tmp_path, credentials)))
    assert worst.status is status
    assert "mode 644" in worst.what or status is Status.OK


def test_a_server_is_reached_by_its_names(tmp_path: Path) -> None:
    """Names that are not this host's are worth a note: edges must write one of them."""
    site = make_site(tmp_path)
    path = tmp_path / "server.toml"
    for folder, names, status in (
        ("elsewhere", Names(hosts=("gpu-box.example",)), Status.NOTE),
        ("here", Names(hosts=(socket.gethostname(),)), Status.OK),
    ):
        credentials = issued(site, tmp_path / folder, SERVER, names)
        path.write_text(f'device = "cpu"\nbundles = ["b"]\nlisten = "0.0.0.0:50551"\n{tls_table(credentials)}')
        assert worst_of(found(path)).status is status


def test_a_wildcard_of_another_authority_is_a_name(tmp_path: Path) -> None:
    """Agents take it, so it is no problem: edges write a name that it stands for."""
    holder = TestAuthority(tmp_path).issue("server", "gpu", hosts=("*.lab.example",), to_days=29)
    holder.key.chmod(0o600)
    table = f'[tls]\nauthority = "{holder.authority}"\ncertificate = "{holder.certificate}"\nkey = "{holder.key}"\n'
    path = tmp_path / "server.toml"
    path.write_text(f'device = "cpu"\nbundles = ["b"]\nlisten = "0.0.0.0:50551"\n{table}')
    worst = worst_of(found(path, datetime.now(timezone.utc)))
    assert (worst.status, "*.lab.example" in worst.what) == (Status.NOTE, True)


@pytest.mark.parametrize(
    ("listen", "more", "status"),
    [
        ("127.0.0.1:50551", "", Status.OK),
        ("unix:/run/x.sock", "", Status.OK),
        ("0.0.0.0:50551", "", Status.PROBLEM),
        ("192.0.2.1:50551", "insecure = true\n", Status.WARNING),
    ],
)
def test_plain_text(tmp_path: Path, listen: str, more: str, status: Status) -> None:
    """Right on this host alone; beyond it a refusal, or somebody's own decision."""
    path = tmp_path / "server.toml"
    path.write_text(f'device = "cpu"\nbundles = ["b"]\nlisten = "{listen}"\n{more}')
    (finding,) = found(path)
    assert finding.status is status


def test_configurations(tmp_path: Path) -> None:
    """The usual places below the root; several servers of an edge; none is a note; wrong files are said elsewhere."""
    (finding,) = examine_certificates([], now=NOW)
    assert (finding.status, finding.remedy) == (Status.NOTE, "give one with --config")
    assert usual_configs(tmp_path) == ()
    usual = tmp_path / "etc" / "joulecut"
    usual.mkdir(parents=True)
    path = edge_file(usual, tmp_path, server="a:1, b:2")
    assert usual_configs(tmp_path) == (path,)
    settings = read_settings(path)
    assert (settings.role, settings.addresses) == (Role.EDGE, ("a:1", "b:2"))
    for text, message in (("[tls", "not TOML"), ('[tls]\nauthority = "a"\n', "tls"), ("tls = 3\n", "expected a table")):
        path.write_text(text)
        with pytest.raises(ConfigError, match=message):
            read_settings(path)
        assert found(path) == []


def test_an_address_that_is_none(tmp_path: Path) -> None:
    """It spoils nobody else's certificates: a finding of its own, and the next file is looked at."""
    (tmp_path / "server.toml").write_text('device = "cpu"\nbundles = ["b"]\nlisten = "everywhere"\n')
    (tmp_path / "other.toml").write_text('device = "cpu"\nbundles = ["b"]\n')
    wrong, right = examine_certificates([tmp_path / "server.toml", tmp_path / "other.toml"], now=NOW)
    assert (wrong.name, wrong.status, right.status) == ("server.toml", Status.PROBLEM, Status.OK)
    assert "'everywhere'" in wrong.what


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_key_of_somebody_else(tmp_path: Path) -> None:
    """A diagnosis by another user than the agent's says that it may not look."""
    credentials = issued(make_site(tmp_path), tmp_path / "edge", CAMERA)
    (credentials / "key.pem").chmod(0)
    assert "Permission denied" in worst_of(found(edge_file(tmp_path, credentials))).what


def test_a_certificate_that_does_not_say_for_what(tmp_path: Path) -> None:
    """The agent would not start with it, and every server would refuse it."""
    credentials = tmp_path / "edge"
    holder = TestAuthority(credentials).issue("edge", "cam", usages=(), file="certificate")
    holder.key.rename(credentials / "key.pem")
    holder.authority.rename(credentials / "authority.pem")
    worst = worst_of(found(edge_file(tmp_path, credentials), datetime.now(timezone.utc)))
    assert "of spiffe://lab/edge/cam has no extended key usage clientAuth" in worst.what
