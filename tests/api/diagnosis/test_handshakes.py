"""What a diagnosis learns by shaking hands with a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import grpc.aio

from joulecut.diagnosis.finding import Finding, Status
from joulecut.diagnosis.handshakes import examine_servers
from joulecut.diagnosis.ports import examine_ports
from joulecut.pki import Names
from joulecut_proto.channels import bind, make_server
from joulecut_proto.security.channel_security import ChannelSecurity
from tests.api.diagnosis.test_certificates import edge_file
from tests.api.pki.made_up_site import CAMERA, DAY, SERVER, issued, make_site

HERE = Names(hosts=("localhost",), addresses=("127.0.0.1",))
NOW = datetime.now(timezone.utc)


@contextmanager
def server_of(credentials: Path) -> Iterator[int]:
    """The port of a server without services that holds `credentials`."""
    security = ChannelSecurity(**{name: credentials / f"{name}.pem" for name in ("authority", "certificate", "key")})
    loop = asyncio.new_event_loop()

    async def started() -> tuple[grpc.aio.Server, int]:
        server = make_server(secured=False)
        port = bind(server, "127.0.0.1:0", security)
        await server.start()
        return server, port

    with ThreadPoolExecutor(max_workers=1) as thread:
        server, port = loop.run_until_complete(started())
        running = thread.submit(loop.run_forever)
        try:
            yield port
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(None), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            running.result(10)
            loop.close()


def handshake(folder: Path, credentials: Path, port: int) -> Finding:
    """The one finding about the server that an edge's file names."""
    (finding,) = examine_servers([edge_file(folder, credentials, server=f"localhost:{port}")], None)
    return finding


def test_both_sides_are_content_or_it_says_which_is_not(tmp_path: Path) -> None:
    """The identity that answers; an ended certificate; an authority of another site."""
    site = make_site(tmp_path, now=NOW)
    other = make_site(tmp_path / "other", now=NOW)
    with server_of(issued(site, tmp_path / "server", SERVER, HERE, now=NOW)) as port:
        good = handshake(tmp_path, issued(site, tmp_path / "edge", now=NOW), port)
        assert (good.status, good.facts["identity"]) == (Status.OK, str(SERVER))
        ended = issued(site, tmp_path / "ended", CAMERA, days=1, now=NOW - 3 * DAY)
        foreign = issued(other, tmp_path / "foreign", now=NOW)
        for credentials in (ended, foreign):
            bad = handshake(tmp_path, credentials, port)
            assert bad.status is Status.PROBLEM
            assert f"localhost:{port}" in bad.what
    nobody = handshake(tmp_path, tmp_path / "edge", port)
    assert "nobody listens there" in nobody.what


def test_who_is_called(tmp_path: Path) -> None:
    """Servers of edges with [tls] only; --server takes the place of what the file names, and needs such a file."""
    credentials = issued(make_site(tmp_path, now=NOW), tmp_path / "edge", now=NOW)
    path = edge_file(tmp_path, credentials, server="127.0.0.1:1,localhost:1")
    assert [finding.name for finding in examine_servers([path], None)] == ["127.0.0.1:1", "localhost:1"]
    assert [finding.name for finding in examine_servers([path], "127.0.0.1:2")] == ["127.0.0.1:2"]
    (note,) = examine_servers([], "127.0.0.1:2")
    assert note.status is Status.NOTE
    path.write_text('bundle = "b"\nserver = "127.0.0.1:1"\n')
    assert not list(examine_servers([path], None))


def test_a_server_with_tls_is_no_stranger_on_its_port(tmp_path: Path) -> None:
    """The plain question that a diagnosis asks of a usual address is not taken for an intruder's silence."""
    site = make_site(tmp_path, now=NOW)
    with server_of(issued(site, tmp_path / "server", SERVER, HERE, now=NOW)) as port:
        (finding,) = examine_ports({"server-agent": f"127.0.0.1:{port}"})
    assert (finding.status, finding.facts["tls"]) == (Status.OK, True)
