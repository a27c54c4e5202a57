"""The server's own part of a refusal: how long the scheduler's gate takes for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import thread_time
from typing import Any
from unittest.mock import patch

from joulecut_proto.inference_refusals import TurnedAwayError
from joulecut_server.serving.scheduler import Scheduler
from joulecut_server.serving.ticket import Ticket


@contextmanager
def timed_gate(seconds: list[float]) -> Iterator[None]:
    """Notes the CPU seconds in which gates of this process refuse requests, from the header to the reason."""
    enter = Scheduler.enter

    def timed(scheduler: Scheduler, *given: Any, **named: Any) -> Ticket:
        start_s = thread_time()
        try:
            return enter(scheduler, *given, **named)
        except TurnedAwayError:
            seconds.append(thread_time() - start_s)
            raise

    with patch.object(Scheduler, "enter", timed):
        yield
