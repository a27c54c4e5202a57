"""Large echoes take turns, and leave the event loop to others between them."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from joulecut_proto.agent_messages import Echo
from joulecut_server.reporting.echo_turns import LARGE_BYTES
from tests.server.parts import Parts

_TAKES_S = 0.01
"""What writing out one echo keeps the event loop for."""


def test_large_echoes_leave_most_of_the_loop_to_others(tmp_path: Path) -> None:
    """The next one is made only once others had twice the time that the one before took, its writing out included."""
    began = asyncio.run(_began(Parts(tmp_path), LARGE_BYTES))
    assert all(after - before >= 3 * _TAKES_S for before, after in pairwise(began))


def test_small_echoes_wait_for_nobody(tmp_path: Path) -> None:
    """A round trip is measured with them, and each is made in the turn of the loop in which it is asked for."""
    echo = Parts(tmp_path).report.echo(Echo(payload=b"", reply_bytes=LARGE_BYTES - 1))
    with pytest.raises(StopIteration):
        echo.send(None)


async def _began(parts: Parts, reply_bytes: int) -> list[float]:
    """When each of several echoes that are asked for at once began to be written out."""
    loop = asyncio.get_running_loop()
    began = []

    async def written() -> None:
        reply = await parts.report.echo(Echo(payload=b"", reply_bytes=reply_bytes))
        assert len(reply.payload) == reply_bytes
        began.append(loop.time())
        while loop.time() < began[-1] + _TAKES_S:
            pass

    await asyncio.gather(*(written() for _ in range(4)))
    return began
