"""The dashboard over HTTP, without a socket."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.types import Message, Scope

from joulecut_core.errors import AccessError
from joulecut_proto.security.identity import Identity, Role
from joulecut_server.dashboard.app import make_app
from joulecut_server.dashboard.events import MOST_READERS, Events
from joulecut_server.dashboard.visitors import CERTIFICATE, READER, CertifiedVisitors, LocalVisitors, admit_anybody
from tests.fakes.certificates import TestAuthority
from tests.server.dashboard.rooms import Room, in_room

STATIC = Path(__file__).parents[3] / "server" / "joulecut_server" / "dashboard" / "static"


def asking(room: Room, *, host: str = "localhost:8080") -> httpx.AsyncClient:
    """A client of the room's dashboard, which is for this host alone."""
    app = make_app(room.board, LocalVisitors("127.0.0.1").admit)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{host}")


def test_every_address_answers(tmp_path: Path) -> None:
    """The page with all that it loads, and the documents; each with headers that keep other sites out."""

    async def use(room: Room) -> None:
        await room.joined("edge/1 ?")
        await room.looked()
        async with asking(room) as client:
            page = await client.get("/")
            assert page.headers["content-type"].startswith("text/html")
            for reference in re.findall(r'(?:src|href)="(static/[^"]+)"', page.text):
                loaded = await client.get(f"/{reference}")
                assert loaded.status_code == 200, reference
            for path in ("/api/state", "/api/history", "/api/sessions/edge%2F1%20%3F/explain"):
                reply = await client.get(path)
                assert reply.status_code == 200, path
                assert reply.json()["schema"].startswith("joulecut.dashboard")
                policy = reply.headers["content-security-policy"]
                assert "default-src 'none'" in policy
                assert "unsafe" not in policy
                assert reply.headers["x-content-type-options"] == "nosniff"
                assert "access-control-allow-origin" not in reply.headers

    in_room(tmp_path, use)


def test_nothing_can_be_changed(tmp_path: Path) -> None:
    """Read-only: every other method is refused, and what is not there is not found, also outside of the folder."""

    async def use(room: Room) -> None:
        await room.looked()
        async with asking(room) as client:
            for method in ("POST", "PUT", "DELETE", "PATCH"):
                for path in ("/", "/api/state", "/api/history", "/events", "/static/page.js"):
                    assert (await client.request(method, path)).status_code == 405, (method, path)
            for path in ("/api/sessions/nobody/explain", "/api", "/static/../app.py", "/static/%2e%2e/app.py"):
                assert (await client.get(path)).status_code == 404, path

    in_room(tmp_path, use)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8080", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]:8080", 200),
        ("evil.example:8080", 403),
        ("127.0.0.1.evil.example", 403),
    ],
)
def test_other_names_for_this_host_are_not_answered(tmp_path: Path, host: str, status: int) -> None:
    """A web site that makes its own name point to this host reads nothing (DNS rebinding)."""

    async def use(room: Room) -> None:
        await room.looked()
        async with asking(room, host=host) as client:
            assert (await client.get("/api/state")).status_code == status

    in_room(tmp_path, use)


def test_the_page_runs_nothing_inline() -> None:
    """What the policy forbids is not there: no inline script or style, no other host, no text read as markup."""
    for path in sorted(STATIC.iterdir()):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"https?://(?!www\.w3\.org/)", text), path
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text), path
        if path.suffix == ".html":
            assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)", text)


class Reader:
    """One reader of events, spoken to as an HTTP server does."""

    def __init__(self, events: Events, edge: Identity | None = None) -> None:
        self.heard: asyncio.Queue[Message] = asyncio.Queue()
        self._leaves = asyncio.Event()
        self._task = asyncio.create_task(events({"type": "http", READER: edge}, self._receive, self.heard.put))

    async def _receive(self) -> Message:
        await self._leaves.wait()
        return {"type": "http.disconnect"}

    async def begun(self) -> int:
        """The status of the answer."""
        status: int = (await self.heard.get())["status"]
        return status

    async def event(self) -> bytes:
        """The next event's data."""
        body: bytes = (await self.heard.get())["body"]
        found = re.fullmatch(rb"id: \d+\ndata: (.*)\n\n", body)
        assert found is not None
        return found[1]

    async def leave(self) -> None:
        """Close the connection."""
        self._leaves.set()
        await self._task


def test_events_tell_each_look_once(tmp_path: Path) -> None:
    """A reader gets the state at once and again after each look, in one line of JSON as /api/state has it."""

    async def use(room: Room) -> None:
        first = await room.looked()
        reader = Reader(Events(room.board, admit=admit_anybody))
        assert await reader.begun() == 200
        assert json.loads(await reader.event()) == first
        second = await room.looked()
        assert json.loads(await reader.event()) == second
        await reader.leave()
        assert await reader.heard.get() == {"type": "http.response.body", "body": b""}
        assert reader.heard.empty()

    in_room(tmp_path, use)


def test_a_reader_that_loses_its_right_is_told_no_more(tmp_path: Path) -> None:
    """Its certificate ends, or the rules leave it out, while a stream is open: the stream ends."""

    async def use(room: Room) -> None:
        ended: list[str] = []

        def admit(scope: Scope) -> None:
            admit_anybody(scope)
            if ended:
                raise AccessError(ended[0])

        await room.looked()
        reader = Reader(Events(room.board, admit=admit))
        assert await reader.begun() == 200
        await reader.event()
        ended.append("has expired")
        await room.looked()
        assert await reader.heard.get() == {"type": "http.response.body", "body": b""}
        await reader.leave()

    in_room(tmp_path, use)


def test_an_edge_reads_of_its_own_sessions_alone(tmp_path: Path) -> None:
    """Another's session has no row, history, explanation or event for it, nor its id; operators see all."""
    cam, truck = (Identity(site="lab", role=Role.EDGE, name=name) for name in ("cam", "truck"))

    async def ids(room: Room, reader: Identity | None) -> set[frozenset[str]]:
        def admit(scope: Scope) -> Identity | None:
            admit_anybody(scope)
            return reader

        follower = Reader(Events(room.board, admit=admit))
        assert await follower.begun() == 200
        seen = [json.loads(await follower.event())]
        await follower.leave()
        transport = httpx.ASGITransport(make_app(room.board, admit))
        async with httpx.AsyncClient(transport=transport, base_url="http://gpu") as client:
            seen.append((await client.get("/api/state")).json())
            rows = {frozenset((await client.get("/api/history")).json()["sessions"])}
            explained = [await client.get(f"/api/sessions/{name}/explain") for name in ("a", "b", "nobodys", "none")]
        for state in seen:
            assert state["totals"]["sessions"] == 3
            rows |= {frozenset(state["rows"]), frozenset(session["session"] for session in state["sessions"])}
        assert {reply.text for reply in explained if reply.status_code != 200} == {explained[-1].text}
        return rows | {frozenset(reply.json()["session"] for reply in explained if reply.status_code == 200)}

    async def use(room: Room) -> None:
        room.owners.update(a=cam, b=truck)
        for session_id in ("a", "b", "nobodys"):
            await room.joined(session_id)
        await room.looked()
        assert await ids(room, cam) == {frozenset({"a"})}
        assert await ids(room, truck) == {frozenset({"b"})}
        assert await ids(room, None) == {frozenset({"a", "b", "nobodys"})}

    in_room(tmp_path, use)


def test_a_certificate_says_whose_sessions_are_shown(tmp_path: Path) -> None:
    """An edge is its own reader, an operator everybody's."""
    visitors = CertifiedVisitors(site="lab", access=lambda: None, edges=True)
    authority = TestAuthority(tmp_path)

    def reader(role: str) -> Identity | None:
        shown = x509.load_pem_x509_certificate(authority.issue(role, "x").certificate.read_bytes())
        return visitors.admit({"type": "http", "state": {CERTIFICATE: shown.public_bytes(Encoding.DER)}})

    assert reader("edge") == Identity(site="lab", role=Role.EDGE, name="x")
    assert reader("operator") is None


def test_a_certificate_that_has_ended_reads_nothing(tmp_path: Path) -> None:
    """A TLS session that was begun before its end is resumed, or kept, without another look at it."""
    visitors = CertifiedVisitors(site="lab", access=lambda: None, edges=False)
    authority = TestAuthority(tmp_path)

    def admit(to_days: float) -> None:
        holder = authority.issue("operator", "boss", from_days=-2, to_days=to_days)
        shown = x509.load_pem_x509_certificate(holder.certificate.read_bytes())
        visitors.admit({"type": "http", "state": {CERTIFICATE: shown.public_bytes(Encoding.DER)}})

    admit(1)
    with pytest.raises(AccessError, match="has expired"):
        admit(-1)


def test_a_reader_that_takes_nothing_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its place is free again, whatever its connection does."""

    async def use(room: Room) -> None:
        monkeypatch.setattr("joulecut_server.dashboard.events._PATIENCE_S", 0.0)
        await room.looked()
        stuck = asyncio.Event()

        async def send(message: Message) -> None:
            if message["type"] == "http.response.body":
                await stuck.wait()

        async def receive() -> Message:
            await stuck.wait()
            return {"type": "http.disconnect"}

        events = Events(room.board, admit=admit_anybody, most=1)
        for _ in range(2):
            await events({"type": "http"}, receive, send)

    in_room(tmp_path, use)


def test_readers_are_bounded_and_leave_their_place(tmp_path: Path) -> None:
    """However many pages are open, so many are told; one that closes makes room."""

    async def use(room: Room) -> None:
        await room.looked()
        events = Events(room.board, admit=admit_anybody)
        readers = [Reader(events) for _ in range(MOST_READERS)]
        assert {await reader.begun() for reader in readers} == {200}
        late = Reader(events)
        assert await late.begun() == 503
        for reader in readers:
            await reader.leave()
        again = Reader(events)
        assert await again.begun() == 200
        await again.leave()

    in_room(tmp_path, use)


def test_edges_that_read_leave_operators_their_places(tmp_path: Path) -> None:
    """Two pages of one edge, and of all edges half of what there is; one that closes makes room again."""

    async def use(room: Room) -> None:
        await room.looked()
        events = Events(room.board, admit=admit_anybody, most=8)
        edges = [Identity(site="lab", role=Role.EDGE, name=f"cam-{number}") for number in range(3)]
        readers = [Reader(events, edge) for edge in (*edges[:2], *edges[:2])]
        assert {await reader.begun() for reader in readers} == {200}
        await readers.pop().leave()
        assert await Reader(events, edges[0]).begun() == 503
        readers.append(Reader(events, edges[1]))
        assert await readers[-1].begun() == 200
        assert await Reader(events, edges[2]).begun() == 503
        operators = [Reader(events) for _ in range(4)]
        assert {await operator.begun() for operator in operators} == {200}
        for reader in (*readers, *operators):
            await reader.leave()

    in_room(tmp_path, use)


def test_who_is_not_admitted_reads_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """403 with the reason and nothing else, wherever the request goes; the log names it once."""

    async def use(room: Room) -> None:
        await room.looked()

        def refuse(scope: Scope) -> None:
            admit_anybody(scope)
            raise AccessError("no operator")

        transport = httpx.ASGITransport(make_app(room.board, refuse))
        async with httpx.AsyncClient(transport=transport, base_url="http://gpu") as client:
            for path in ("/", "/api/state", "/events", "/static/page.js", "/nothing"):
                reply = await client.get(path)
                assert (reply.status_code, reply.text) == (403, "no operator\n")
        assert len([record for record in caplog.records if "no operator" in record.message]) == 1

    in_room(tmp_path, use)
