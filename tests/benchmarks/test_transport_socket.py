"""The stream over a bare socket, which a benchmark times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.transport_peers import ECHO, certificates
from benchmarks.transport_socket import Times, document, socket_peer

from joulecut_proto import event_loops
from joulecut_proto.tensor_arrays import frame_of


@pytest.mark.parametrize("secured", [False, True])
def test_tensors_come_back_as_they_were_sent(tmp_path: Path, secured: bool) -> None:
    """Small ones, large ones, and several at once, in the clear and over TLS."""

    async def asked() -> None:
        async with socket_peer(certificates(tmp_path) if secured else None) as peer:
            for size_bytes in (0, 1, 65_535, 65_536, 300_000, 3 << 20):
                tensor = np.random.default_rng(size_bytes).integers(0, 255, size=size_bytes, dtype=np.uint8)
                reply = await peer.ask((frame_of("x", tensor),), ECHO)
                assert bytes(reply.frames[0].payload) == tensor.tobytes()

    event_loops.run(asked())


def test_the_page_has_the_ratio_of_the_medians() -> None:
    """To the raw socket's."""
    page = document(
        [Times(size_bytes=16, taken_s=[[1e-4] * 10, [3e-4] * 10, [2e-4] * 10, [4e-4] * 10, [5e-4] * 10])], 1
    )
    assert "| 16 | 0.100 / 0.100 | 0.300 / 0.300 | 3.00 | 0.200 / 0.200 | 2.00 |" in page
