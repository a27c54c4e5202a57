"""Staging buffers: kept per position and layout, bounded, the longest unused dropped first."""

from __future__ import annotations

import torch

from joulecut_runtime.engines.staging import StagingBuffers
from tests.runtime.engines.fake_queue import HostMemory


def test_a_buffer_is_kept_per_position_and_layout() -> None:
    """The same input of the next request is put where the last one was; two inputs of one request never share."""
    memory = HostMemory()
    buffers = StagingBuffers(memory)
    like = torch.zeros(1, 3, 4, 4)
    first = buffers.buffer(0, like)
    assert buffers.buffer(0, torch.ones(1, 3, 4, 4)) is first
    others = [
        buffers.buffer(1, like),
        buffers.buffer(0, like.to(memory_format=torch.channels_last)),
        buffers.buffer(0, like.half()),
        buffers.buffer(0, like[:, :2].contiguous()),
    ]
    assert len({tensor.data_ptr() for tensor in (first, *others)}) == 5
    assert others[1].is_contiguous(memory_format=torch.channels_last)
    assert buffers.kept_bytes == sum(tensor.nbytes for tensor in memory.given)


def test_the_longest_unused_goes_first() -> None:
    """What is kept stays within its bound, however many shapes pass; what is in use is what stays."""
    memory = HostMemory()
    buffers = StagingBuffers(memory, most_bytes=1000)
    likes = [torch.zeros(100 + index) for index in range(3)]
    first, second = (buffers.buffer(0, like) for like in likes[:2])
    assert buffers.buffer(0, likes[0]) is first
    buffers.buffer(0, likes[2])
    assert buffers.kept_bytes <= 1000
    assert buffers.buffer(0, likes[0]) is first
    assert buffers.buffer(0, likes[1]) is not second


def test_a_tensor_beyond_the_bound_is_not_kept() -> None:
    """One huge input does not drive all others out, and its memory goes back."""
    buffers = StagingBuffers(HostMemory(), most_bytes=1000)
    small = buffers.buffer(0, torch.zeros(10))
    huge = torch.zeros(1000)
    assert buffers.buffer(0, huge) is not buffers.buffer(0, huge)
    assert buffers.kept_bytes == 40
    assert buffers.buffer(0, torch.zeros(10)) is small
