"""Room for calls: of one caller, of all, and given back when gRPC is done with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from joulecut_proto.answering import Context
from joulecut_proto.call_refusals import CallRefusedError
from joulecut_proto.call_room import CallRoom, connection_of


class _Call:
    """A call's context, as far as room is concerned."""

    def __init__(self, peer: str = "") -> None:
        self.callbacks: list[Callable[[Any], None]] = []
        self._peer = peer

    def peer(self) -> str:
        return self._peer

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        self.callbacks.append(callback)

    def end(self) -> None:
        for callback in self.callbacks:
            callback(self)


def _enter(room: CallRoom, who: str | None) -> _Call:
    call = _Call()
    room.enter(cast(Context, call), who)
    return call


def test_each_caller_has_its_own_room() -> None:
    """One that has as many as it may waits for its own, whatever the service has answered meanwhile."""
    room = CallRoom("echoes", each=2, total=100)
    calls = [_enter(room, "cam") for _ in range(2)]
    with pytest.raises(CallRefusedError, match="2 echoes of one caller are under way"):
        _enter(room, "cam")
    _enter(room, "truck")
    calls[0].end()
    _enter(room, "cam")
    assert room.under_way == 3


def test_all_of_them_have_a_bound() -> None:
    """Callers that cannot be told apart have no other."""
    room = CallRoom("echoes", each=1, total=3)
    calls = [_enter(room, None), _enter(room, None), _enter(room, "cam")]
    with pytest.raises(CallRefusedError, match="3 echoes are under way, the most there may be; try again"):
        _enter(room, "truck")
    for call in calls:
        call.end()
    assert room.under_way == 0
    assert not room._callers, "callers that have left are not remembered"
    _enter(room, "cam")


def test_a_call_that_is_set_aside_takes_nobody_elses_place() -> None:
    """It is its caller's own until it ends, and frees no place a second time then."""
    room = CallRoom("bundles", each=1, total=2)
    stuck, other = _enter(room, "cam"), _enter(room, "truck")
    room.set_aside(cast(Context, stuck))
    third = _enter(room, "bus")
    with pytest.raises(CallRefusedError, match="1 bundles of one caller are under way"):
        _enter(room, "cam")
    stuck.end()
    assert room.under_way == 2
    other.end()
    third.end()
    _enter(room, "cam")
    assert room.under_way == 1


def test_connections_are_told_apart_where_they_have_names() -> None:
    """All of a Unix socket would be one caller, and have its room together: they only count among all."""
    assert connection_of(cast(Context, _Call("ipv4:10.0.0.7:4711"))) == "ipv4:10.0.0.7:4711"
    assert connection_of(cast(Context, _Call("unix:"))) is None
