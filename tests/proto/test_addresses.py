"""Addresses and whether they are free: one line names the address and the remedy."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError, LinkError
from joulecut_proto.addresses import Address, check_apart, check_free, parse_address


def no_resolver(*_: object, **__: object) -> None:
    """As `socket.getaddrinfo` of a host whose network is not up yet."""
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@pytest.mark.parametrize(
    ("text", "address", "shown"),
    [
        ("127.0.0.1:7050", Address(host="127.0.0.1", port=7050), "127.0.0.1:7050"),
        ("gpu-1.local:0", Address(host="gpu-1.local", port=0), "gpu-1.local:0"),
        ("[::1]:7050", Address(host="::1", port=7050), "[::1]:7050"),
        ("unix:/run/joulecut/edge.sock", Address(path=Path("/run/joulecut/edge.sock")), "unix:/run/joulecut/edge.sock"),
        ("unix:///run/edge.sock", Address(path=Path("/run/edge.sock")), "unix:/run/edge.sock"),
        ("unix:edge.sock", Address(path=Path("edge.sock")), "unix:edge.sock"),
    ],
)
def test_forms(text: str, address: Address, shown: str) -> None:
    """The forms that people write, and the one form that gRPC gets."""
    assert parse_address(text) == address
    assert str(parse_address(text)) == shown


@pytest.mark.parametrize(
    "text", ["", "host", ":80", "host:", "host:x", "host:-1", "::1:80", "host:80/path", "unix:", "unix:/", "a b:1"]
)
def test_what_is_no_address(text: str) -> None:
    """Refused with the forms that are."""
    with pytest.raises(ConfigError, match=r"expected host:port, \[ipv6\]:port or unix:/path"):
        parse_address(text)


def test_a_path_that_is_no_text() -> None:
    """As an argument comes in a plain C locale, or with bytes of another encoding."""
    with pytest.raises(ConfigError, match=r"address 'unix:/.*': no UTF-8; choose another path"):
        parse_address("unix:/\udcc3\udcb6.sock")


def test_limits_of_the_system() -> None:
    """A port and a socket's path have a longest."""
    with pytest.raises(ConfigError, match="port 65536; expected at most 65535"):
        parse_address("host:65536")
    with pytest.raises(ConfigError, match="longer than 107 bytes"):
        parse_address("unix:/" + "x" * 107)


def test_taken_port() -> None:
    """The most common mistake of a second start."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen(1)
        port = holder.getsockname()[1]
        with pytest.raises(LinkError, match=f"127.0.0.1:{port}: in use; .*port 0 for a free one"):
            check_free(Address(host="127.0.0.1", port=port))
    check_free(Address(host="127.0.0.1", port=port))


def test_a_port_that_a_connection_out_of_this_host_has() -> None:
    """It is somebody's for a moment, by chance: a service that took it for a wrong configuration would stay down."""
    with socket.create_server(("127.0.0.1", 0)) as somewhere, socket.socket() as caller:
        caller.connect(somewhere.getsockname())
        port = caller.getsockname()[1]
        with pytest.raises(LinkError, match=f"127.0.0.1:{port}: in use"):
            check_free(Address(host="127.0.0.1", port=port))


def test_address_of_another_machine() -> None:
    """192.0.2.0/24 belongs to nobody. That is no reason never to start again: Wi-Fi may be up by then."""
    with pytest.raises(LinkError, match=r"192\.0\.2\.1:7050: not an address of this machine"):
        check_free(Address(host="192.0.2.1", port=7050))


def test_unknown_host() -> None:
    """A name that cannot exist needs no network to be refused."""
    with pytest.raises(ConfigError, match="unknown host"):
        check_free(Address(host="no..host", port=7050))


def test_a_name_that_cannot_be_resolved_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent may start before its host can resolve names: its service is to start it again."""
    monkeypatch.setattr(socket, "getaddrinfo", no_resolver)
    with pytest.raises(LinkError, match=r"address gpu-box\.lab:7050: unknown host: .*; choose an address"):
        check_free(Address(host="gpu-box.lab", port=7050))


def test_unix_socket_paths(tmp_path: Path) -> None:
    """Free, stale, somebody's, no folder, not a socket."""
    path = tmp_path / "edge.sock"
    check_free(Address(path=path))
    with socket.socket(socket.AF_UNIX) as holder:
        holder.bind(str(path))
        holder.listen(1)
        with pytest.raises(LinkError, match=r"edge\.sock: in use; stop the program"):
            check_free(Address(path=path))
    check_free(Address(path=path))
    with pytest.raises(ConfigError, match="no folder"):
        check_free(Address(path=tmp_path / "none" / "edge.sock"))
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(ConfigError, match="no socket is there"):
        check_free(Address(path=file))


@pytest.mark.timeout(20)
def test_a_socket_whose_listener_accepts_nobody(tmp_path: Path) -> None:
    """An agent that hangs has its place still, and nobody waits for it."""
    path = tmp_path / "edge.sock"
    with socket.socket(socket.AF_UNIX) as holder, socket.socket(socket.AF_UNIX) as caller:
        holder.bind(str(path))
        holder.listen(0)
        caller.connect(str(path))
        with pytest.raises(LinkError, match=r"edge\.sock: in use"):
            check_free(Address(path=path))


def test_a_socket_that_is_not_for_this_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root leaves one behind: it is in use while a process has it open, and free to be replaced after that."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    path = tmp_path / "edge.sock"
    with socket.socket(socket.AF_UNIX) as holder:
        holder.bind(str(path))
        holder.listen(1)
        monkeypatch.setattr(socket.socket, "connect", refuse)
        with pytest.raises(LinkError, match=r"edge\.sock: in use"):
            check_free(Address(path=path))
    check_free(Address(path=path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into any folder")
def test_a_folder_of_somebody_elses(tmp_path: Path) -> None:
    """Told before a first start has measured for minutes, and with the reason, which gRPC keeps to itself."""
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match=r"edge\.sock: not allowed in this folder; choose a path"):
        check_free(Address(path=tmp_path / "edge.sock"))


@pytest.mark.parametrize(
    ("listen", "health"),
    [
        ("127.0.0.1:50551", "127.0.0.1:50551"),
        ("0.0.0.0:50551", "127.0.0.1:50551"),
        ("192.0.2.7:50551", "0.0.0.0:50551"),
        ("unix:/run/a.sock", "unix:///run/a.sock"),
    ],
)
def test_an_agent_is_not_in_its_own_way(listen: str, health: str) -> None:
    """Nobody else would be to blame, and starting again would not help."""
    with pytest.raises(ConfigError, match=r"health_listen: .*, where listen: .* listens; give each a place of its own"):
        check_apart({"listen": listen, "health_listen": health})


def test_places_of_their_own() -> None:
    """Other ports, other addresses, ports that the system chooses, and none."""
    check_apart({"listen": "127.0.0.1:0", "health_listen": "127.0.0.1:0", "metrics.listen": ""})
    check_apart({"listen": "0.0.0.0:50551", "health_listen": "127.0.0.1:50552", "metrics.listen": "[::]:50551"})
    check_apart({"listen": "192.0.2.7:50551", "health_listen": "127.0.0.1:50551", "metrics.listen": "unix:/run/a.sock"})
