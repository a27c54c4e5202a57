"""Clocks held for us by the clock daemon, over its socket."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import DeviceError, LeaseError
from joulecut_core.timing import SystemClock, is_set_within
from joulecut_runtime.clockd.client import DEFAULT_SOCKET, ClockdClient, ClockdGoneError
from joulecut_runtime.devices.hardware.authority import ClockGrant
from joulecut_runtime.devices.hardware.patience import TIMEOUT_S, Patience

_LOG = logging.getLogger(__name__)

_TTL_S = 10.0
_BEATS_PER_TTL = 3
_RETRY_S = 0.1
_SILENT_S = 60.0
"""On the wall, for a daemon that is there and says nothing: nobody waits so long for it but its thread."""
_RELEASE_S = 10.0
"""On the wall, for clocks that go back: an agent that leaves says after seven seconds that they have not."""
_REMEDY = "joulecut-clockd hangs, or a driver below it: see their logs, restart it"


class ClockdAuthority:
    """A ClockAuthority that asks joulecut-clockd: one connection and one heartbeat thread for each grant.

    The daemon restores the clocks when that connection ends, or after `ttl_s` wall seconds without a heartbeat. One
    that is there and silent costs each caller `answer_s` wall seconds at most, `release_s` where clocks go back, and
    a BlockedError; until it answers the next ones are refused at once.
    """

    def __init__(
        self,
        path: Path = DEFAULT_SOCKET,
        *,
        ttl_s: float = _TTL_S,
        answer_s: float = TIMEOUT_S,
        release_s: float = _RELEASE_S,
    ) -> None:
        self._path, self._ttl_s, self._release_s = path, ttl_s, release_s
        self._patience = Patience(answer_s, doing="asking joulecut-clockd for", remedy=_REMEDY)
        self._grants: list[_PatientGrant] = []

    def grant(self, board: str, point: OperatingPoint, *, holder: str) -> ClockGrant:
        """The board's clocks at `point`, as ClockAuthority says."""
        grant = self._patience.run(
            board,
            lambda: _ClockdGrant(self._path, board, point, holder=holder, ttl_s=self._ttl_s),
            late=_ClockdGrant.release,
        )
        patient = _PatientGrant(grant, board, self._patience, release_s=self._release_s)
        self._grants = [*(kept for kept in self._grants if not kept.ended), patient]
        return patient

    def reset(self, board: str) -> None:
        """Put a board that nobody holds back to what was before a lease, else to its driver's defaults."""
        client = ClockdClient(self._path)
        try:
            client.reset(board)
        finally:
            client.close()

    def close(self) -> None:
        """Release every grant. Safe to call twice."""
        while self._grants:
            grant = self._grants.pop()
            try:
                grant.release()
            except DeviceError as error:
                _LOG.error("%s", error)


class _PatientGrant:
    """A grant whose daemon is waited for in another thread."""

    def __init__(self, grant: _ClockdGrant, board: str, patience: Patience, *, release_s: float) -> None:
        self._grant, self._board, self._patience, self._release_s = grant, board, patience, release_s

    @property
    def ended(self) -> bool:
        """Whether it holds nothing any more."""
        return self._grant.ended

    def move(self, point: OperatingPoint) -> None:
        self._patience.run(self._board, lambda: self._grant.move(point))

    def release(self) -> None:
        if not self.ended:
            self._patience.run(self._board, self._grant.release, timeout_s=self._release_s)


class _ClockdGrant:
    """A lease kept alive by a thread, and asked for again where the daemon was restarted in the meantime.

    That thread alone waits for a daemon that is away: work waits behind whoever moves.
    """

    def __init__(self, path: Path, board: str, point: OperatingPoint, *, holder: str, ttl_s: float) -> None:
        self._path, self._board, self._point, self._holder, self._ttl_s = path, board, point, holder, ttl_s
        self._clock = SystemClock()
        self._turn = threading.Lock()
        self._stopping = threading.Event()
        self._end: str | None = None
        client = self._acquired()
        self._client: ClockdClient | None = client
        self._heard_s = self._clock.now_s()
        self._thread = threading.Thread(target=self._beat, name=f"clockd heartbeat {board}", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            # With its connection the lease ends: nobody would keep it, and it keeps others out.
            client.close()
            raise LeaseError(f"{board}: no thread to keep a lease with: {error}; try again") from error

    @property
    def ended(self) -> bool:
        """Whether it holds nothing any more."""
        return self._end is not None

    def move(self, point: OperatingPoint) -> None:
        with self._turn:
            if self._end is not None:
                raise LeaseError(f"{self._board}: {self._end}; ask for a new lease")
            before, self._point = self._point, point
            try:
                self._ask(lambda client: client.move(self._board, point))
            except DeviceError:
                self._point = before
                raise

    def release(self) -> None:
        self._stopping.set()
        with self._turn:
            if self._end is not None:
                return
            self._end = "the lease was released"
            client, self._client = self._client, None
            if client is not None:
                try:
                    client.release(self._board)
                except ClockdGoneError as error:
                    _LOG.warning("%s: %s", self._board, error)
                finally:
                    client.close()
        self._thread.join()

    def _beat(self) -> None:
        beat_s = wait_s = self._ttl_s / _BEATS_PER_TTL
        while not is_set_within(self._stopping, wait_s):
            with self._turn:
                if self._end is not None:
                    return
                try:
                    self._ask(lambda client: client.heartbeat(self._board))
                except ClockdGoneError:
                    pass  # told once, when the connection broke
                except DeviceError as error:
                    _LOG.error("%s: %s", self._board, error)
                wait_s = _RETRY_S if self._client is None else beat_s

    def _ask(self, call: Callable[[ClockdClient], None]) -> None:
        """Ask over the connection, or over a new one where it broke.

        Raises ClockdGoneError where there is no daemon for now; a LeaseError is the grant's end.
        """
        try:
            if self._client is None or not self._is_answered(call, self._client):
                self._client = self._acquired_again()
                _LOG.warning("%s is leased again, at %s", self._board, self._point)
        except LeaseError as error:
            self._lose(error)
            raise
        self._heard_s = self._clock.now_s()

    def _is_answered(self, call: Callable[[ClockdClient], None], client: ClockdClient) -> bool:
        """False where the connection broke."""
        try:
            call(client)
        except ClockdGoneError as error:
            client.close()
            self._client = None
            _LOG.warning("%s: %s", self._board, error)
            return False
        return True

    def _acquired_again(self) -> ClockdClient:
        """The same lease from a restarted daemon, while the broken one could have lasted."""
        try:
            return self._acquired()
        except ClockdGoneError as error:
            if self._clock.now_s() < self._heard_s + self._ttl_s:
                raise
            text = f"the lease of {self._board} has ended with its daemon; restart joulecut-clockd"
            raise LeaseError(text) from error
        except DeviceError as error:
            raise LeaseError(f"the lease of {self._board} has ended with its daemon: {error}") from error

    def _acquired(self) -> ClockdClient:
        client = ClockdClient(self._path, answer_s=_SILENT_S)
        try:
            client.acquire(self._board, self._point, holder=self._holder, ttl_s=self._ttl_s)
        except BaseException:
            client.close()
            raise
        return client

    def _lose(self, error: LeaseError) -> None:
        self._end = str(error)
        self._stopping.set()
        if self._client is not None:
            self._client.close()
