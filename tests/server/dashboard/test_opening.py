"""The dashboard on its own port: plain text on this host, HTTPS with certificates, an end."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import re
import shutil
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from joulecut_core.errors import ConfigError, LinkError
from joulecut_proto.security.tls_options import ServerTls
from joulecut_server.access.options import AccessOptions, EdgeRule
from joulecut_server.config import ServerConfig
from joulecut_server.dashboard import endpoint
from joulecut_server.dashboard.door import Door
from joulecut_server.dashboard.opening import serving_board
from joulecut_server.dashboard.options import DashboardOptions
from tests.fakes.certificates import Holder, TestAuthority
from tests.server.dashboard.rooms import Room, in_room

WAIT_S = 20.0
CONFIG = ServerConfig(device="emulated:t4", bundles=("net",), dashboard=DashboardOptions(listen="127.0.0.1:0"))


@pytest.fixture(name="authority", scope="module")
def _authority(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    return TestAuthority(tmp_path_factory.mktemp("authority"))


def secured(authority: TestAuthority, *rules: EdgeRule, edges: bool = False) -> ServerConfig:
    """A server with certificates."""
    holder = authority.issue("server", "gpu")
    tls = ServerTls(authority=str(holder.authority), certificate=str(holder.certificate), key=str(holder.key))
    access = AccessOptions(edges=rules) if rules else None
    return replace(CONFIG, tls=tls, access=access, dashboard=DashboardOptions(listen="localhost:0", edges=edges))


def visitor(holder: Holder | None, authority: Path) -> ssl.SSLContext:
    """A browser's side, with a certificate or without."""
    context = ssl.create_default_context(cafile=str(authority))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT if hasattr(ssl, "VERIFY_X509_STRICT") else ~0
    if holder is not None:
        context.load_cert_chain(holder.certificate, holder.key)
    return context


def read(url: str, context: ssl.SSLContext | None = None) -> tuple[int, str]:
    """Status and text at an address."""
    try:
        with urllib.request.urlopen(url, timeout=WAIT_S, context=context) as reply:  # noqa: S310 - the test's own
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def listening(url: str) -> HTTPResponse:
    """A page that is told what happens; it asks again where it was so late that it was hung up on."""
    while True:
        with suppress(OSError):
            stream: HTTPResponse = urllib.request.urlopen(f"{url}events", timeout=WAIT_S)  # noqa: S310 - the test's own
            return stream


def served(folder: Path, caplog: pytest.LogCaptureFixture, config: ServerConfig, look: Callable[[str], Any]) -> Any:
    """What `look` finds at the dashboard's address, in a thread as a browser would."""
    found: list[Any] = []

    async def use(room: Room) -> None:
        parts = replace(room.parts_of_agent, rules=lambda: config.access)
        async with serving_board(config, parts):
            [url] = re.findall(r"dashboard: (https?://\S+/)", caplog.text)
            found.append(await asyncio.to_thread(look, url))

    with caplog.at_level(logging.INFO):
        in_room(folder, use)
    return found[0]


def test_whoever_asks_for_nothing_is_sent_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silent connections and halves of requests end by themselves; a page that is being told things stays."""
    monkeypatch.setattr(endpoint, "_REQUEST_S", 0.1)

    def look(url: str) -> tuple[list[bytes], int]:
        place = urllib.parse.urlsplit(url)
        address = (str(place.hostname), int(place.port or 0))
        with listening(url) as stream:
            ends = []
            for sent in (b"", b"GET /api/st", b"GET /api/state HTTP/1.1\r\nHost: localhost\r\n\r\nGET /"):
                with socket.create_connection(address, timeout=WAIT_S) as idle:
                    with suppress(ConnectionResetError):  # what is sent too late is answered so
                        idle.sendall(sent)
                        while idle.recv(65536):
                            pass
                    ends.append(sent)
            events = sum(stream.readline().startswith(b"data:") for _ in range(8))
        return ends, events

    ends, events = served(tmp_path, caplog, CONFIG, look)
    assert len(ends) == 3
    assert events > 1


def test_strangers_who_show_no_certificate_make_room(
    tmp_path: Path, authority: TestAuthority, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each costs memory from the moment it is accepted: the oldest is hung up on, and an operator still reads."""
    monkeypatch.setattr(endpoint, "_MOST_ACCEPTED", 3)

    def look(url: str) -> tuple[bytes, int]:
        place = urllib.parse.urlsplit(url)
        with ExitStack() as stack:
            strangers = [
                stack.enter_context(socket.create_connection((str(place.hostname), int(place.port or 0)), WAIT_S))
                for _ in range(4)
            ]
            told = strangers[0].recv(1)
            return told, read(f"{url}api/state", visitor(authority.issue("operator", "boss"), authority.path))[0]

    assert served(tmp_path, caplog, secured(authority), look) == (b"", 200)


def test_visitors_beyond_all_room_are_hung_up_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those whom it could only tell to come back take room too; there is room again once somebody leaves."""
    monkeypatch.setattr(endpoint, "_MOST_ACCEPTED", 2)

    def look(url: str) -> tuple[bytes, int]:
        place = urllib.parse.urlsplit(url)
        address = (str(place.hostname), int(place.port or 0))
        question = b"GET /api/state HTTP/1.1\r\nHost: localhost\r\n\r\n"
        guests = [socket.create_connection(address, WAIT_S) for _ in range(2)]
        for guest in guests:
            guest.sendall(question)
            assert guest.recv(12) == b"HTTP/1.1 200"
        with socket.create_connection(address, WAIT_S) as one_more:
            told = one_more.recv(1)
        for guest in guests:
            guest.close()
        while True:
            with suppress(OSError):
                return told, read(f"{url}api/state")[0]

    assert served(tmp_path, caplog, CONFIG, look) == (b"", 200)


def test_one_certificate_keeps_nobody_out(
    tmp_path: Path, authority: TestAuthority, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edge that opens one connection after the other is hung up on, and an operator still reads."""
    monkeypatch.setattr(endpoint, "_MOST_OF_ONE", 2)

    def look(url: str) -> tuple[bytes, int]:
        place = urllib.parse.urlsplit(url)
        context = visitor(authority.issue("edge", "cam"), authority.path)
        with ExitStack() as stack:
            address = (str(place.hostname), int(place.port or 0))
            pages = [
                stack.enter_context(
                    context.wrap_socket(socket.create_connection(address, WAIT_S), server_hostname=place.hostname)
                )
                for _ in range(3)
            ]
            told = pages[-1].recv(1)
            return told, read(f"{url}api/state", visitor(authority.issue("operator", "boss"), authority.path))[0]

    assert served(tmp_path, caplog, secured(authority), look) == (b"", 200)


def test_a_full_house_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused visitors are answered 503, and the log does not grow with them."""
    monkeypatch.setattr(endpoint, "_MOST_CONNECTIONS", 1)
    statuses = served(tmp_path, caplog, CONFIG, lambda url: [read(f"{url}api/state")[0] for _ in range(3)])
    assert statuses == [503, 503, 503]
    assert caplog.text.count("Exceeded concurrency limit") == 1


def test_an_agent_out_of_descriptors_says_so_in_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that cannot be taken is asked for once and then waited for, and is answered once it can be."""
    accept, refused = socket.socket.accept, [0]

    def refuse(listener: socket.socket) -> tuple[socket.socket, object]:
        if refused[0] < 6:
            refused[0] += 1
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return accept(listener)

    monkeypatch.setattr("asyncio.constants.ACCEPT_RETRY_DELAY", 0.05)
    # Asked twice in one turn of the loop, however long that takes, and again in one after it has waited.
    monkeypatch.setattr(endpoint, "Door", partial(Door, now_s=lambda: float((refused[0] - 1) // 2)))
    monkeypatch.setattr(socket.socket, "accept", refuse)
    assert served(tmp_path, caplog, CONFIG, lambda url: read(f"{url}api/state")[0]) == 200
    # One asking in vain of two reaches asyncio, which then waits.
    assert caplog.text.count("dashboard: no connection can be taken: Too many open files") == 3
    assert "Traceback" not in caplog.text


def test_plain_text_on_this_host(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log tells where it is; it serves at once, and nobody listens afterwards."""

    def look(url: str) -> str:
        status, text = read(f"{url}api/state")
        assert (status, json.loads(text)["server"]["name"]) == (200, "server")
        return url

    url = served(tmp_path, caplog, CONFIG, look)
    with pytest.raises(urllib.error.URLError):
        read(url)


def test_a_page_that_listens_does_not_hold_up_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An open stream of events ends with the agent, by itself and not by a time-out that is logged."""

    def look(url: str) -> socket.socket:
        place = re.fullmatch(r"http://(.+):(\d+)/", url)
        assert place is not None
        reader = socket.create_connection((place[1], int(place[2])), timeout=WAIT_S)
        reader.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert reader.recv(1 << 16).startswith(b"HTTP/1.1 200")
        return reader

    with served(tmp_path, caplog, CONFIG, look) as reader:
        while reader.recv(1 << 16):
            pass
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("listen", "said"), [("0.0.0.0:0", "without TLS only addresses of this host"), ("taken", "in use")]
)
def test_where_it_cannot_listen(tmp_path: Path, caplog: pytest.LogCaptureFixture, listen: str, said: str) -> None:
    """Plain text with other hosts is for those who ask for it; a taken port is named with the key."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        place = listen.replace("taken", f"127.0.0.1:{other.getsockname()[1]}")
        config = replace(CONFIG, dashboard=DashboardOptions(listen=place))
        with pytest.raises(LinkError if listen == "taken" else ConfigError, match=said):
            served(tmp_path, caplog, config, read)


def test_a_name_that_no_host_can_have(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Python's resolver tells it in an error of its own; the user is told which key to change."""
    config = replace(CONFIG, insecure=True, dashboard=DashboardOptions(listen=f"{'a' * 70}:0"))
    with pytest.raises(ConfigError, match=r"dashboard\.listen: a+:0: .*label too long"):
        served(tmp_path, caplog, config, read)


def test_certificates_decide_who_reads(
    tmp_path: Path, authority: TestAuthority, caplog: pytest.LogCaptureFixture, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Operators of the site read; its edges and other sites' operators read why not; others get no connection."""
    elsewhere = TestAuthority(tmp_path_factory.mktemp("elsewhere"), site="lab")

    def look(url: str) -> dict[str, tuple[int, str] | str]:
        def visit(holder: Holder | None) -> tuple[int, str] | str:
            try:
                return read(f"{url}api/state", visitor(holder, authority.path))
            except (urllib.error.URLError, OSError) as error:
                return str(error)

        return {
            "operator": visit(authority.issue("operator", "boss")),
            "edge": visit(authority.issue("edge", "cam")),
            "server": visit(authority.issue("server", "other")),
            "plant": visit(authority.issue("operator", "p", uris=["spiffe://plant/operator/p"], file="plant")),
            "nobody": visit(None),
            "forged": visit(elsewhere.issue("operator", "boss")),
        }

    found = served(tmp_path, caplog, secured(authority), look)
    assert found["operator"][0] == 200
    assert found["edge"][0] == found["plant"][0] == 403
    assert "spiffe://lab/edge/cam is an edge; the dashboard is for operators" in found["edge"][1]
    assert "is of site plant" in found["plant"][1]
    assert all(isinstance(found[name], str) for name in ("server", "nobody", "forged"))


def test_edges_are_let_in_by_the_servers_own_rules(
    tmp_path: Path, authority: TestAuthority, caplog: pytest.LogCaptureFixture
) -> None:
    """Where edges may read, it is those that may call: `[access]` holds here too."""

    def look(url: str) -> list[int]:
        holders = [authority.issue("edge", name) for name in ("cam", "truck")]
        return [read(f"{url}api/state", visitor(holder, authority.path))[0] for holder in holders]

    assert served(tmp_path, caplog, secured(authority, EdgeRule(names=("cam",)), edges=True), look) == [200, 403]


def test_certificates_change_without_a_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The next connection meets the new certificate and the new authority; a torn file changes nothing."""
    old, new = (TestAuthority(tmp_path_factory.mktemp(name)) for name in ("old", "new"))
    config = secured(old)
    assert config.tls is not None
    files = config.tls

    def look(url: str) -> None:
        boss = old.issue("operator", "boss")
        assert read(url, visitor(boss, old.path))[0] == 200
        Path(files.certificate).write_text("torn", encoding="utf-8")
        assert read(url, visitor(boss, old.path))[0] == 200
        fresh = new.issue("server", "gpu")
        for path, source in (
            (files.authority, new.path),
            (files.key, fresh.key),
            (files.certificate, fresh.certificate),
        ):
            shutil.copy(source, path)
        assert read(url, visitor(new.issue("operator", "boss"), new.path))[0] == 200
        with pytest.raises((urllib.error.URLError, OSError)):
            read(url, visitor(boss, new.path))

    served(tmp_path, caplog, config, look)
