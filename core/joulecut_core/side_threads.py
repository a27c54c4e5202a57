"""Work that blocks for as long as others like, in threads that nobody waits for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def aside(work: Callable[[], T], name: str) -> asyncio.Future[T]:
    """What some work comes to, for the running event loop. Whoever gives it up, or ends, leaves it to itself.

    In a thread of its own: one of the event loop's, or of a pool, would be waited for by a program that ends.
    """
    answer: Future[T] = Future()
    answer.set_running_or_notify_cancel()

    def run(answer: Future[T]) -> None:
        try:
            answer.set_result(work())
        except Exception as error:  # noqa: BLE001 - raised where the answer is waited for
            answer.set_exception(error)
        finally:
            # An error keeps its frames: with what keeps it in one, it would wait for the garbage collector.
            del answer

    threading.Thread(target=run, args=(answer,), name=name, daemon=True).start()
    return asyncio.wrap_future(answer)
