"""First words with servers that are looked at while another one is in use."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from joulecut_core.errors import LinkError
from joulecut_core.timing import ManualClock
from joulecut_edge.offloading.joining import Joining
from joulecut_edge.peers.servers import Candidate
from joulecut_edge.peers.transport import Transport
from tests.edge.session_parts import tiny_identity


class NoTransport:
    """Nobody can be greeted over it."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def security(self, address: str) -> None:
        """As the system says it."""
        del address
        raise self._error


@pytest.mark.parametrize("error", [LinkError("nobody listens"), RuntimeError("can't start new thread"), MemoryError()])
def test_whatever_keeps_a_look_from_another_server_it_is_not_well(error: Exception) -> None:
    """The one in use stays so: what was raised would end it, and the edge would run alone."""
    joining = Joining(tiny_identity(), cast(Transport, NoTransport(error)), ManualClock())
    assert asyncio.run(joining.well_s(Candidate(address="a:1"))) is None
