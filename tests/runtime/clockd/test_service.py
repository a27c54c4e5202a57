"""The daemon's socket, spoken to by well-behaved and by other clients."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ClockError, DeviceError, LeaseError
from joulecut_core.timing import ManualClock
from joulecut_runtime.clockd import cli
from joulecut_runtime.clockd import client as client_module
from joulecut_runtime.clockd.allow_list import Rule
from joulecut_runtime.clockd.book import STATE, LeaseBook, UnchangedError
from joulecut_runtime.clockd.client import BoardState, ClockdClient, ClockdGoneError
from tests.runtime.clockd.daemons import serving
from tests.runtime.clockd.file_board import STOCK, FileBoard

LOW = OperatingPoint(core_mhz=306.0)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(start_s=5.0)


@pytest.fixture
def board(tmp_path: Path) -> FileBoard:
    return FileBoard.make(tmp_path / "a")


@pytest.fixture
def book(tmp_path: Path, board: FileBoard, clock: ManualClock) -> Iterator[LeaseBook]:
    del board
    with serving(tmp_path, now_s=clock.now_s) as book:
        yield book


@pytest.fixture
def client(tmp_path: Path, book: LeaseBook) -> Iterator[ClockdClient]:
    del book
    with closing(ClockdClient(tmp_path / "sock")) as client:
        yield client


def raw(path: Path, sent: bytes) -> bytes:
    """What the daemon answers to bytes, until it hangs up or stops."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(20.0)
        line.connect(str(path))
        line.sendall(sent)
        line.shutdown(socket.SHUT_WR)
        return line.makefile("rb").read()


def wait_free(client: ClockdClient) -> None:
    """Ask until nobody holds anything: a connection's end is noticed by another thread."""
    while any(status.state is not BoardState.FREE for status in client.states()):
        pass


def test_states_tell_boards_holders_and_permission(client: ClockdClient, tmp_path: Path) -> None:
    """Who holds what at which clocks, and what this user may ask for."""
    FileBoard.make(tmp_path / "b")
    client.acquire("file:a", OperatingPoint(core_mhz=612.0, memory_mhz=2133.0), holder="camera", ttl_s=5.0)
    leased, free = client.states()
    assert (leased.board, leased.state, leased.holder) == ("file:a", BoardState.LEASED, "camera")
    assert (leased.uid, leased.pid) == (os.getuid(), os.getpid())
    assert leased.point == OperatingPoint(core_mhz=612.0, memory_mhz=2133.0)
    assert (free.board, free.state, free.point, free.allowed) == ("file:b", BoardState.FREE, None, True)


def test_end_of_the_connection_releases(tmp_path: Path, book: LeaseBook, board: FileBoard) -> None:
    """A client that dies has its clocks restored at once, without waiting for its time to live."""
    assert book.boards()
    with closing(ClockdClient(tmp_path / "sock")) as other:
        client = ClockdClient(tmp_path / "sock")
        client.acquire(board.key, LOW, holder="test", ttl_s=1000.0)
        assert board.held() != STOCK
        client.close()
        wait_free(other)
    assert board.held() == STOCK


def test_silent_client_loses_its_lease(
    client: ClockdClient, book: LeaseBook, board: FileBoard, clock: ManualClock
) -> None:
    """The time to live ends a lease though its connection stands; later requests are told."""
    client.acquire(board.key, LOW, holder="test", ttl_s=5.0)
    clock.advance_s(5.5)
    book.tend()
    assert board.held() == STOCK
    with pytest.raises(LeaseError, match="ended"):
        client.heartbeat(board.key)
    with pytest.raises(LeaseError, match="ended"):
        client.move(board.key, LOW)
    client.release(board.key)


def test_expiry_does_not_wait_for_the_next_look(client: ClockdClient, board: FileBoard, clock: ManualClock) -> None:
    """A heartbeat that comes too late is too late, even if nobody has restored yet."""
    client.acquire(board.key, LOW, holder="test", ttl_s=5.0)
    clock.advance_s(5.5)
    with pytest.raises(LeaseError, match="ended"):
        client.heartbeat(board.key)
    assert board.held() == STOCK


def test_one_connection_does_not_speak_for_another(tmp_path: Path, client: ClockdClient, board: FileBoard) -> None:
    """A lease belongs to its connection, even within one process."""
    client.acquire(board.key, LOW, holder="test", ttl_s=5.0)
    with closing(ClockdClient(tmp_path / "sock")) as other:
        with pytest.raises(LeaseError, match="ended"):
            other.move(board.key, LOW)
        other.release(board.key)
        with pytest.raises(LeaseError, match="held by 'test'"):
            other.reset(board.key)
    assert board.held() != STOCK


def test_reset_puts_back_the_defaults(client: ClockdClient, board: FileBoard) -> None:
    """What another tool left locked is freed on request."""
    board._write({**STOCK, "highest_mhz": "306.0"})
    client.reset(board.key)
    assert board.held() == STOCK


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"null\n",
        b"[]\n",
        b"7\n",
        b"not json\n",
        b"\xff\xfe\n",
        b"{}\n",
        b'{"op": "acquire"}\n',
        b'{"op": "format", "board": "file:a"}\n',
        b'{"op": "state", "self": 1}\n',
        b'{"op": "acquire", "board": "file:a", "mhz": [306], "ttl_s": 5}\n',
        b'{"op": "acquire", "board": "file:a", "mhz": ["306", null], "ttl_s": 5}\n',
        b'{"op": "acquire", "board": "file:a", "mhz": [306, "x"], "ttl_s": 5}\n',
        b'{"op": "acquire", "board": "file:a", "mhz": [NaN, null], "ttl_s": 5}\n',
        b'{"op": "acquire", "board": "file:a", "mhz": [306, null], "ttl_s": NaN}\n',
        b'{"op": "acquire", "board": "file:a", "mhz": [306, null], "ttl_s": "5"}\n',
        b'{"op": "acquire", "board": "file:a", "mhz": [306, null], "ttl_s": Infinity}\n',
        b'{"op": "acquire", "board": "file:a", "mhz": [306, null], "ttl_s": 5, "more": 1}\n',
        b'{"op": "acquire", "board": ["file:a"], "mhz": [306, null], "ttl_s": 5}\n',
        b'{"op": "acquire", "board": "../../etc/passwd", "mhz": [306, null], "ttl_s": 5}\n',
        b"[" * 4000 + b"\n",
        b'{"op": "' + b"x" * 5000 + b'"}\n',
        b"x" * 100_000,
    ],
    ids=range(24),
)
def test_nonsense_is_refused_and_changes_nothing(
    tmp_path: Path, client: ClockdClient, board: FileBoard, line: bytes
) -> None:
    """Whatever a client sends: an error or the end of its connection, and the daemon serves on."""
    try:
        answer = raw(tmp_path / "sock", line)
    except (ConnectionResetError, BrokenPipeError):
        answer = b""
    assert answer == b"" or set(json.loads(answer)) == {"error", "message"}
    assert board.done() == []
    assert client.states()[0].state is BoardState.FREE


def test_users_without_a_rule_see_but_do_not_touch(tmp_path: Path, board: FileBoard, clock: ManualClock) -> None:
    """Without a rule every change is refused, with the place of the rules; looking is free."""
    with (
        serving(tmp_path, now_s=clock.now_s, rules=[]),
        closing(ClockdClient(tmp_path / "sock")) as client,
    ):
        assert [status.allowed for status in client.states()] == [False]
        with pytest.raises(LeaseError, match=r"may not set .*clockd\.ini"):
            client.acquire(board.key, LOW, holder="test", ttl_s=5.0)
        with pytest.raises(LeaseError, match=r"may not set .*clockd\.ini"):
            client.reset(board.key)
    assert board.done() == []


@pytest.mark.parametrize("name", ["cam\nera", "x" * 65, "\x1b[2J"])
def test_a_holders_name_is_short_and_printable(client: ClockdClient, board: FileBoard, name: str) -> None:
    """It is shown to others and logged."""
    with pytest.raises(DeviceError, match="printable text of at most 64"):
        client.acquire(board.key, LOW, holder=name, ttl_s=5.0)
    assert board.held() == STOCK


def test_one_user_does_not_take_all_places(tmp_path: Path, book: LeaseBook, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are bounded for each user, so that one cannot shut the others out; root is a user like them."""
    assert book.boards()
    monkeypatch.setattr(cli, "_CONNECTIONS_EACH", 8)
    with ExitStack() as clients:
        for _ in range(8):
            clients.enter_context(closing(ClockdClient(tmp_path / "sock"))).states()
        with pytest.raises(ClockdGoneError), closing(ClockdClient(tmp_path / "sock")) as ninth:
            ninth.states()


def test_a_reset_without_a_right_to_memory_leaves_it(tmp_path: Path, board: FileBoard, clock: ManualClock) -> None:
    """The core clock is freed; who may set memory frees that too."""
    board._write({**STOCK, "highest_mhz": "306.0", "memory_mhz": "2133.0"})
    for memory_mhz, left in (("", "2133.0"), ("0-4000", "free")):
        rule = Rule(users=str(os.getuid()), boards="*", core_mhz="0-3000", memory_mhz=memory_mhz)
        with (
            serving(tmp_path, now_s=clock.now_s, rules=[rule]),
            closing(ClockdClient(tmp_path / "sock")) as client,
        ):
            client.reset(board.key)
        assert board.held() == {**STOCK, "memory_mhz": left}


def test_limits_hold_for_acquire_and_move(tmp_path: Path, board: FileBoard, clock: ManualClock) -> None:
    """Nothing outside a user's limits reaches the board, neither at first nor later."""
    rule = Rule(users=str(os.getuid()), boards="*", core_mhz="300-700", longest_ttl_s="10")
    with (
        serving(tmp_path, now_s=clock.now_s, rules=[rule]),
        closing(ClockdClient(tmp_path / "sock")) as client,
    ):
        with pytest.raises(ClockError, match="more than user"):
            client.acquire(board.key, LOW, holder="test", ttl_s=10.5)
        client.acquire(board.key, LOW, holder="test", ttl_s=10.0)
        for point in (OperatingPoint(core_mhz=1020.0), OperatingPoint(core_mhz=306.0, memory_mhz=2133.0)):
            with pytest.raises(
                ClockError, match=r"user \d+ may: .*core_mhz = 300-700, memory_mhz = None, longest_ttl_s = 10"
            ):
                client.move(board.key, point)
        client.release(board.key)
    assert [call for _, call in board.done() if call.startswith("apply")] == ["apply 306"]


def test_connections_are_bounded_and_places_given_back(tmp_path: Path, book: LeaseBook) -> None:
    """More clients than places are hung up on; places are free again when their clients go."""
    assert book.boards()
    with ExitStack() as clients:
        for _ in range(32):
            clients.enter_context(closing(ClockdClient(tmp_path / "sock"))).states()
        with pytest.raises(ClockdGoneError), closing(ClockdClient(tmp_path / "sock")) as late:
            late.states()
    while True:
        try:
            with closing(ClockdClient(tmp_path / "sock")) as client:
                client.states()
            break
        except ClockdGoneError:
            continue


def test_audit_names_who_what_and_the_result(
    client: ClockdClient, board: FileBoard, caplog: pytest.LogCaptureFixture
) -> None:
    """One line of JSON for each grant, move, refusal, release and reset."""
    caplog.set_level(logging.INFO)
    client.acquire(board.key, LOW, holder="caméra", ttl_s=5.0)
    client.move(board.key, OperatingPoint(core_mhz=612.0))
    with pytest.raises(ClockError):
        client.move(board.key, OperatingPoint(core_mhz=613.0))
    client.release(board.key)
    client.reset(board.key)
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("audit ")]
    assert not [line for line in lines if "\n" in line]
    events = [json.loads(line.removeprefix("audit ")) for line in lines]
    assert [event["event"] for event in events] == ["set", "set", "refusal", "restore", "reset"]
    assert {event["uid"] for event in events} == {os.getuid()}
    assert {event["pid"] for event in events} == {os.getpid()}
    assert events[1]["mhz"] == [612.0, None]
    assert "613" in events[2]["result"]
    assert (events[3]["why"], events[3]["result"]) == ("released", "done")


def test_many_moves_fill_no_log(
    client: ClockdClient, board: FileBoard, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A serving policy moves twice for each request: what has no line of its own is counted, the last one is told."""
    caplog.set_level(logging.INFO)
    points = [OperatingPoint(core_mhz=mhz) for mhz in (612.0, 306.0)]
    client.acquire(board.key, LOW, holder="agent", ttl_s=100.0)
    for move in range(2001):
        clock.advance_s(0.01)
        client.move(board.key, points[move % 2])
    client.release(board.key)
    client.acquire(board.key, LOW, holder="agent", ttl_s=100.0)
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("audit ")]
    *moves, ended, taken = [json.loads(line.removeprefix("audit ")) for line in lines]
    assert 20 <= len(moves) <= 35
    assert sum(event["moves"] for event in (*moves, ended)) == 2002
    assert (ended["event"], ended["mhz"]) == ("restore", [612.0, None])
    assert (taken["event"], taken["moves"]) == ("set", 1)


def test_who_may_not_set_the_clocks_gets_no_lease(
    client: ClockdClient, board: FileBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver that refuses the daemon itself is told as any other refusal of a lease."""

    def refuse(_board: FileBoard, _core_mhz: float, _memory_mhz: float | None) -> None:
        raise UnchangedError("SetGpuLockedClocks failed: Insufficient Permissions")

    monkeypatch.setattr(FileBoard, "apply", refuse)
    with pytest.raises(LeaseError, match="Insufficient Permissions"):
        client.acquire(board.key, LOW, holder="me", ttl_s=5.0)


def test_a_board_that_cannot_be_restored_is_owed(client: ClockdClient, board: FileBoard, book: LeaseBook) -> None:
    """The release says so, and the state too."""
    client.acquire(board.key, LOW, holder="test", ttl_s=5.0)
    (board.folder / "gone").touch()
    with pytest.raises(DeviceError, match="not restored yet"):
        client.release(board.key)
    assert [status.state for status in client.states()] == [BoardState.OWED]
    (board.folder / "gone").unlink()
    book.close()
    assert board.held() == STOCK


def test_closed_book_lends_no_more(client: ClockdClient, board: FileBoard, book: LeaseBook) -> None:
    """A daemon that stops restores, and then grants nothing to a client that is quicker than its end."""
    client.acquire(board.key, LOW, holder="test", ttl_s=5.0)
    book.close()
    assert board.held() == STOCK
    with pytest.raises(DeviceError, match="no board"):
        client.acquire(board.key, LOW, holder="test", ttl_s=5.0)


def test_nobody_listening_and_no_permission_are_told_apart(tmp_path: Path) -> None:
    """The remedy differs: start the daemon, or join its group."""
    with pytest.raises(ClockdGoneError, match="start joulecut-clockd"):
        ClockdClient(tmp_path / "none")


def test_a_daemon_that_starts_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its socket is there a moment before it listens: that moment is no reason to call it absent."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "sock"))

        class Meanwhile(ManualClock):
            def sleep_until_s(self, deadline_s: float) -> None:
                super().sleep_until_s(deadline_s)
                listener.listen()

        monkeypatch.setattr(client_module, "_CLOCK", Meanwhile())
        ClockdClient(tmp_path / "sock").close()


@pytest.mark.skipif(os.geteuid() != 0 and not os.access("/dev/full", os.W_OK), reason="needs /dev/full")
def test_a_full_disk_is_told_with_its_remedy(client: ClockdClient, tmp_path: Path, board: FileBoard) -> None:
    """What the daemon's system told it reaches the client, who says what to look at."""
    (tmp_path / STATE / f"{board.key}.new").symlink_to("/dev/full")
    with pytest.raises(DeviceError, match=r"No space left.*whether /run has room"):
        client.acquire(board.key, LOW, holder="test", ttl_s=5.0)
    assert board.held() == STOCK
    assert [status.state for status in client.states()] == [BoardState.FREE]
