"""Which streams speak for which sessions: one that none speaks for any more is over, and holds no clock.

A stream speaks for the session that it announced when it was opened, and for those whose requests came on it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from joulecut_core.errors import DeviceError
from joulecut_proto.streaming.streams import InferenceServerStream
from joulecut_server.sessions.sessions import SessionBook

_LOG = logging.getLogger(__name__)

_UNHEARD_S = 10.0
"""Wall seconds that a session in force may be without a stream: edges open theirs before they plan."""
_MOST_SPOKEN_FOR = 20_000
"""By one stream: twice the sessions that a server remembers. Beyond, those that are over already are forgotten."""


class SessionStreams:
    """Ends sessions whose edge is gone. Used from the event loop only."""

    def __init__(
        self, sessions: SessionBook, release: Callable[[str], Awaitable[None]], *, unheard_s: float = _UNHEARD_S
    ) -> None:
        self._sessions = sessions
        self._release = release
        self._unheard_s = unheard_s
        self._speaking: dict[str, dict[InferenceServerStream, int | None]] = {}
        self._spoken_for: dict[InferenceServerStream, set[str]] = {}
        self._expected: dict[str, asyncio.TimerHandle] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def open(self, stream: InferenceServerStream) -> None:
        """A stream begins; it speaks for the session that it announces."""
        self._spoken_for[stream] = set()
        if stream.session_id is not None:
            self._speak(stream, stream.session_id, None)

    def heard(self, stream: InferenceServerStream, session_id: str, epoch: int) -> None:
        """A request of a session came on a stream."""
        if stream in self._spoken_for:
            self._speak(stream, session_id, epoch)

    def expect(self, session_id: str) -> None:
        """A session's plan was put in force: it ends where no stream speaks for it within `unheard_s`."""
        self._no_longer_expect(session_id)
        if not self._is_spoken_for(session_id):
            self._expected[session_id] = asyncio.get_running_loop().call_later(
                self._unheard_s, self._look_for, session_id
            )

    async def close(self, stream: InferenceServerStream) -> None:
        """A stream has ended, and with it the sessions that it was the last to speak for.

        One that has planned again meanwhile, on another connection, is expected to be heard there.
        """
        over: list[str] = []
        for session_id in self._spoken_for.pop(stream, set()):
            epoch = self._no_longer_speak(stream, session_id)
            if self._is_spoken_for(session_id) or not stream.speaks_for(session_id):
                continue
            if epoch is not None and self._sessions.is_superseded(session_id, epoch):
                self.expect(session_id)
            else:
                over.append(session_id)
        for session_id in over:
            await self._end(session_id)

    def _speak(self, stream: InferenceServerStream, session_id: str, epoch: int | None) -> None:
        spoken_for = self._spoken_for[stream]
        if session_id not in spoken_for and len(spoken_for) >= _MOST_SPOKEN_FOR:
            for over in [each for each in spoken_for if not self._sessions.in_force(each)]:
                spoken_for.discard(over)
                self._no_longer_speak(stream, over)
        spoken_for.add(session_id)
        self._speaking.setdefault(session_id, {})[stream] = epoch
        if stream.speaks_for(session_id):
            self._no_longer_expect(session_id)

    def _no_longer_speak(self, stream: InferenceServerStream, session_id: str) -> int | None:
        """Returns the epoch that was heard last of the session on that stream."""
        speaking = self._speaking[session_id]
        epoch = speaking.pop(stream)
        if not speaking:
            del self._speaking[session_id]
        return epoch

    def _is_spoken_for(self, session_id: str) -> bool:
        return any(stream.speaks_for(session_id) for stream in self._speaking.get(session_id, ()))

    def _no_longer_expect(self, session_id: str) -> None:
        timer = self._expected.pop(session_id, None)
        if timer is not None:
            timer.cancel()

    def _look_for(self, session_id: str) -> None:
        del self._expected[session_id]
        if self._sessions.in_force(session_id) and not self._is_spoken_for(session_id):
            _LOG.info("session %s: no stream of it for %g s; it ends", session_id, self._unheard_s)
            ending = asyncio.create_task(self._end(session_id))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def _end(self, session_id: str) -> None:
        self._no_longer_expect(session_id)
        try:
            await self._release(session_id)
        except DeviceError as error:
            _LOG.warning("the clock of session %s cannot be given back: %s", session_id, error)
