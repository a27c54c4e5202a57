"""What the log says of one stream's refused requests: a line a second at most, whatever the edge sends.

An edge may open stream after stream: of all of them together it has so many lines a minute.
"""

from __future__ import annotations

import asyncio
import logging

from joulecut_proto.inference_messages import ReplyStatus, RequestHeader
from joulecut_proto.log_limit import LogLimit

_LOG = logging.getLogger(__name__)
_LINES = LogLimit(_LOG)

_EVERY_S = 1.0
_LEVELS = {ReplyStatus.LATE: logging.DEBUG, ReplyStatus.OVERLOADED: logging.DEBUG}
"""Refusals that a server under load gives by the thousand."""


class RefusalLog:
    """Names the first refusal of each second and counts the others. Used from the event loop only."""

    def __init__(self) -> None:
        self._quiet_until_s: dict[int, float] = {}
        self._untold: dict[int, int] = {}

    def refused(self, header: RequestHeader, status: ReplyStatus, error: Exception) -> None:
        """Log a refusal, or count it for the next line.

        The edge chose its ids and parts of the complaint: they are shortened, and no line can be forged with them.
        """
        level, now_s = _LEVELS.get(status, logging.WARNING), asyncio.get_running_loop().time()
        if now_s < self._quiet_until_s.get(level, 0.0):
            self._untold[level] = self._untold.get(level, 0) + 1
            return
        self._quiet_until_s[level] = now_s + _EVERY_S
        text = "request %.80r of %.80r: %s: %.400r (and %d more refused)"
        values = header.request_id, header.session_id, status.value, str(error), self._untold.pop(level, 0)
        if level == logging.WARNING:
            _LINES.warn("refused requests", text, *values)
        else:
            _LOG.log(level, text, *values)
