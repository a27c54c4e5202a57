"""An exception of a signal's handler ends the call that it strikes, and no other."""

from __future__ import annotations

import gc
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

import pytest

from joulecut.connections.connection import Connection, connect
from joulecut.connections.uninterrupted import uninterrupted
from tests.api.fake_edge import FakeLocal, picture, serving_edge

_LEAVING_A_LOCK = threading.Condition.__exit__.__code__


class _OwnError(Exception):
    """One that can be referred to weakly."""


@pytest.fixture
def service() -> FakeLocal:
    """The endpoint's service."""
    return FakeLocal()


@pytest.fixture
def edge(service: FakeLocal) -> Iterator[Connection]:
    """An open connection to it."""
    with serving_edge(service) as (address, _), connect(address, timeout_s=20.0) as opened:
        yield opened


def _struck(call: Callable[[], object]) -> None:
    """Call as if ^C came where this thread is about to let go of a lock of gRPC's, should it hold one."""

    def strike(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is _LEAVING_A_LOCK:
            sys.setprofile(None)
            raise KeyboardInterrupt

    # What is collected in the midst of the call, an earlier test's channel for one, is not to be struck in its place.
    gc.collect()
    gc.disable()
    sys.setprofile(strike)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.setprofile(None)
        gc.enable()


def test_others_are_answered_whenever_the_main_thread_is_interrupted(edge: Connection) -> None:
    """No lock that all calls need is held by the thread that handlers run in."""
    for call in (lambda: edge.infer(picture(1)), lambda: edge.submit(picture(1)), edge.status):
        _struck(call)
        with ThreadPoolExecutor(1) as other:
            assert other.submit(edge.infer, picture(3)).result(10).outputs[0].argmax() == 3
        assert edge.submit(picture(2)).result(10).outputs[0].argmax() == 2


def test_what_is_left_goes_on_to_its_end() -> None:
    """The main thread is free at once, and the work that it waited for is done whole."""
    left, ended, main = threading.Event(), threading.Event(), threading.get_ident()

    def work() -> None:
        signal.pthread_kill(main, signal.SIGINT)
        left.wait(10)
        ended.set()

    with pytest.raises(KeyboardInterrupt):
        uninterrupted(work)
    assert not ended.is_set()
    left.set()
    assert ended.wait(10)


def test_what_the_work_raises() -> None:
    """It is raised to who asked, and its traceback is no part of a cycle that keeps a call's arrays."""
    found: list[weakref.ref[BaseException]] = []

    def work() -> None:
        error = _OwnError("of the work")
        found.append(weakref.ref(error))
        try:
            raise error
        finally:
            del error

    gc.disable()
    try:
        with pytest.raises(_OwnError, match="of the work"):
            uninterrupted(work)
        assert found[0]() is None
    finally:
        gc.enable()


def test_a_host_without_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is done by the thread that is there, as in an interpreter that exits."""

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", refuse)
    assert uninterrupted(threading.current_thread) is threading.main_thread()
