"""The emulated link over real sockets. A slowed-down clock makes emulated milliseconds long enough to measure."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from types import TracebackType

import pytest

from joulecut_core.errors import LinkError
from joulecut_core.timing import ScaledClock
from joulecut_runtime.links.emulated_link import EmulatedLink
from joulecut_runtime.links.shape import LinkShape

FAST = LinkShape(bandwidth_bps=1e9)
ACK = b"!"
_MOST_TRIES = 100
"""Only a defect ever takes them."""


class AckServer:
    """Answers each `size` bytes of a connection with one; remembers all it got."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.received = bytearray()
        self._threads = [threading.Thread(target=self._accept)]
        self._connections: list[socket.socket] = []

    def __enter__(self) -> AckServer:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        # What it has accepted by now is all there is to close.
        self._threads[0].join(timeout=10)
        for connection in self._connections:
            with closing(connection):
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue
        for thread in self._threads:
            thread.join(timeout=10)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.append(connection)
            self._threads.append(threading.Thread(target=self._answer, args=(connection,)))
            self._threads[-1].start()

    def _answer(self, connection: socket.socket) -> None:
        try:
            self._answer_until_the_end(connection)
        except OSError:
            return

    def _answer_until_the_end(self, connection: socket.socket) -> None:
        got = 0
        while data := connection.recv(1 << 16):
            self.received += data
            got += len(data)
            if got >= self._size:
                got -= self._size
                connection.sendall(ACK)
        connection.shutdown(socket.SHUT_WR)


@pytest.fixture
def clock() -> ScaledClock:
    return ScaledClock(10.0)


Opener = Callable[..., EmulatedLink]


@pytest.fixture
def open_link(clock: ScaledClock) -> Iterator[Opener]:
    links: list[EmulatedLink] = []

    def open_one(port: int, uplink: LinkShape = FAST, downlink: LinkShape = FAST) -> EmulatedLink:
        link = EmulatedLink(host="127.0.0.1", port=port, uplink=uplink, downlink=downlink, clock=clock)
        link.start()
        links.append(link)
        return link

    yield open_one
    for link in links:
        link.close()


def connected(link: EmulatedLink) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", link.port), timeout=20)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def is_broken(connection: socket.socket) -> bool:
    """Whether the other end has closed or reset a connection."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def quickest_s(took_s: Callable[[], float], enough_s: float) -> float:
    """The least that something takes, tried until that is at most `enough_s`: a busy host is late as often as not."""
    times_s = [took_s()]
    while min(times_s) > enough_s and len(times_s) < _MOST_TRIES:
        times_s.append(took_s())
    return min(times_s)


def exchange_s(clock: ScaledClock, connection: socket.socket, size: int) -> float:
    """Emulated seconds from the first byte sent to the answer."""
    start_s = clock.now_s()
    connection.sendall(bytes(size))
    assert connection.recv(1) == ACK
    return clock.now_s() - start_s


def test_a_transfer_takes_bandwidth_and_delay(clock: ScaledClock, open_link: Opener) -> None:
    """100 kB at 20 Mbit/s and 10 ms: 50 ms until the answer of one byte."""
    with AckServer(100_000) as server:
        link = open_link(server.port, LinkShape(bandwidth_bps=20e6, delay_s=0.01))
        with connected(link) as connection:
            took_s = quickest_s(lambda: exchange_s(clock, connection, 100_000), 1.15 * 0.05)
    assert 0.05 <= took_s <= 1.15 * 0.05


def test_both_directions_have_their_own_delay(clock: ScaledClock, open_link: Opener) -> None:
    """An empty request's round trip is the two delays."""
    with AckServer(1) as server:
        link = open_link(
            server.port, LinkShape(bandwidth_bps=1e9, delay_s=0.02), LinkShape(bandwidth_bps=1e9, delay_s=0.03)
        )
        with connected(link) as connection:
            took_s = quickest_s(lambda: exchange_s(clock, connection, 1), 1.15 * 0.05)
    assert 0.05 <= took_s <= 1.15 * 0.05


def test_bytes_arrive_complete_and_in_order_despite_jitter(open_link: Opener) -> None:
    """Loss-free: a megabyte is the same megabyte on the other side, and so is the end."""
    sent = bytes(range(256)) * 4096
    with AckServer(len(sent)) as server:
        link = open_link(server.port, LinkShape(bandwidth_bps=400e6, delay_s=0.001, jitter_s=0.004))
        with connected(link) as connection:
            connection.sendall(sent)
            assert connection.recv(1) == ACK
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""
        assert bytes(server.received) == sent


def test_counters_tell_bytes_and_airtime(open_link: Opener) -> None:
    """What a radio's energy is computed from: 50 kB at 10 Mbit/s are 40 ms on the air, delays are not."""
    with AckServer(50_000) as server:
        link = open_link(server.port, LinkShape(bandwidth_bps=10e6, delay_s=0.01), LinkShape(bandwidth_bps=1e6))
        with connected(link) as connection:
            connection.sendall(bytes(50_000))
            assert connection.recv(1) == ACK
        counters = link.counters()
    assert counters.up_bytes == 50_000
    assert counters.up_busy_s == pytest.approx(0.04)
    assert counters.down_bytes == 1
    assert counters.down_busy_s == pytest.approx(8e-6)


def test_connections_share_one_radio_fairly(clock: ScaledClock, open_link: Opener) -> None:
    """Two transfers of 50 kB at once both take as long as 100 kB; alone each would take half."""
    with AckServer(50_000) as server:
        link = open_link(server.port, LinkShape(bandwidth_bps=20e6))
        with connected(link) as one, connected(link) as other:
            start_s = clock.now_s()
            ends_s: list[float] = []

            def transfer(connection: socket.socket) -> None:
                connection.sendall(bytes(50_000))
                assert connection.recv(1) == ACK
                ends_s.append(clock.now_s() - start_s)

            threads = [threading.Thread(target=transfer, args=(connection,)) for connection in (one, other)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(timeout=20)
        busy_s = link.counters().up_busy_s
    # A busy host may notice later than that, never sooner.
    assert min(ends_s) > 0.032
    assert max(ends_s) > 0.039
    assert busy_s == pytest.approx(0.04)


def test_a_sender_feels_a_slow_link(open_link: Opener) -> None:
    """Back-pressure: of 64 MB offered to a dead link the proxy takes no more than its buffers hold."""
    with AckServer(1) as server:
        link = open_link(server.port, LinkShape(bandwidth_bps=0.0))
        with connected(link) as connection:
            connection.settimeout(0.0)
            offered = 0
            quiet = 0
            while quiet < 3:
                try:
                    offered += connection.send(bytes(1 << 16))
                    quiet = 0
                except BlockingIOError:
                    # A round trip through the link's thread: it has taken in what it will.
                    link.counters()
                    quiet += 1
                assert offered < 64 << 20


def test_an_outage_ends_when_bandwidth_returns(clock: ScaledClock, open_link: Opener) -> None:
    """Bytes wait, none are lost, and go at the new rate."""
    with AckServer(10_000) as server:
        link = open_link(server.port)
        with connected(link) as connection:

            def outage_s() -> float:
                link.set_bandwidth(0.0, 1e9)
                connection.sendall(bytes(10_000))
                start_s = clock.now_s()
                link.set_bandwidth(4e6, 1e9)
                assert connection.recv(1) == ACK
                return clock.now_s() - start_s

            assert quickest_s(outage_s, 1.25 * 0.02) == pytest.approx(0.02, rel=0.25)


def test_a_very_slow_piece_is_taken_back_when_the_link_gets_faster(open_link: Opener) -> None:
    """10 kB at 1 bit/s would take a day; nobody has to wait for its end."""
    with AckServer(10_000) as server:
        link = open_link(server.port, LinkShape(bandwidth_bps=1.0))
        with connected(link) as connection:
            connection.sendall(bytes(10_000))
            link.counters()
            link.set_bandwidth(1e9, 1e9)
            assert connection.recv(1) == ACK


def test_cut_breaks_connections_until_restored(open_link: Opener) -> None:
    """Old and new ones alike; afterwards new ones work."""
    with AckServer(1) as server:
        link = open_link(server.port)
        with connected(link) as old:
            old.sendall(b"?")
            assert old.recv(1) == ACK
            link.cut()
            assert is_broken(old)
        with connected(link) as refused:
            assert is_broken(refused)
        link.restore()
        with connected(link) as mended:
            mended.sendall(b"?")
            assert mended.recv(1) == ACK


def test_a_server_that_starts_late_is_found_by_the_next_connection(open_link: Opener) -> None:
    """Until it listens, connections are closed cleanly."""
    with socket.socket() as reserved:
        # Bound all the while, it keeps others away; with this option on both, one more may listen there.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        link = open_link(reserved.getsockname()[1])
        with connected(link) as early:
            assert early.recv(1) == b""
        listener = socket.create_server(reserved.getsockname())
    with closing(listener), connected(link) as client:
        client.sendall(b"?")
        served, _ = listener.accept()
        with closing(served):
            assert served.recv(1) == b"?"


def test_a_server_that_dies_breaks_its_connections(open_link: Opener) -> None:
    """The client learns of it, as it would without the link."""
    with AckServer(1) as server:
        link = open_link(server.port)
        connection = connected(link)
        connection.sendall(b"?")
        assert connection.recv(1) == ACK
    with closing(connection):
        assert is_broken(connection)


def test_close_is_safe_twice_and_ends_everything(clock: ScaledClock) -> None:
    """Connections break, the port is free, and a closed link says so."""
    others = set(threading.enumerate())
    with AckServer(1) as server:
        link = EmulatedLink(host="127.0.0.1", port=server.port, uplink=FAST, downlink=FAST, clock=clock)
        with link:
            with pytest.raises(LinkError, match="running already"):
                link.start()
            connection = connected(link)
            connection.sendall(b"?")
            assert connection.recv(1) == ACK
        link.close()
        with closing(connection):
            assert is_broken(connection)
    with pytest.raises(LinkError, match="not running"):
        link.counters()
    assert not {thread for thread in threading.enumerate() if thread.name == "emulated-link"} - others
