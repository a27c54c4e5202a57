"""The lane of a device: one wait per part, staging memory not written while it is read, torch's errors translated.

On a queue that records what it is asked; the same lane on a CUDA stream is in test_cuda.
"""

from __future__ import annotations

import pytest
import torch

from joulecut_core.errors import DeviceError
from joulecut_core.timing import ManualClock
from joulecut_runtime.engines import Border, EngineName, EngineNetwork, Precision
from joulecut_runtime.engines.device_lane import DeviceLane
from joulecut_runtime.engines.torch_engine import TorchEngine, eager
from tests.runtime.engines.fake_queue import FakeQueue, HostMemory
from tests.runtime.engines.small_cases import small_case


def _engine(queue: FakeQueue) -> TorchEngine:
    return TorchEngine(EngineName.EAGER, Precision.FP32, DeviceLane(queue, HostMemory()), eager, ManualClock())


def test_staging_memory_is_written_only_after_the_last_copy_out_of_it() -> None:
    """The next request's picture must not overwrite one that is still on its way to the device."""
    queue, memory = FakeQueue("meta"), HostMemory()
    lane = DeviceLane(queue, memory)
    strides = ((3, 1),)
    lane.bring([torch.ones(2, 3)], strides)
    seen: list[torch.Tensor] = []
    queue.on_wait = lambda: seen.append(memory.given[0].clone())
    lane.bring([torch.full((2, 3), 2.0)], strides)
    assert queue.log == ["mark 1", "wait 1", "mark 2"]
    assert len(memory.given) == 1
    assert torch.equal(seen[0], torch.ones(2, 3))
    assert torch.equal(memory.given[0], torch.full((2, 3), 2.0))


def test_tensors_on_the_device_are_not_copied() -> None:
    """What the last block left on the device goes into the next one as it is, unless it lies otherwise in memory."""
    queue, memory = FakeQueue("meta"), HostMemory()
    lane = DeviceLane(queue, memory)
    tensor = torch.empty(2, 3, device="meta")
    assert lane.bring([tensor], ((3, 1),))[0] is tensor
    assert queue.log == []
    assert lane.bring([tensor], ((1, 2),))[0].stride() == (1, 2)
    assert memory.given == []


def test_a_part_waits_once_at_its_end() -> None:
    """Between a request's copies, kernels and copies back the host waits for nothing."""
    network, inputs = small_case("skips")
    queue = FakeQueue()
    head = EngineNetwork(network, _engine(queue)).head(2)
    queue.log.clear()
    head(inputs)
    assert queue.log == ["enter", "finish", "leave"]


def test_steps_do_not_wait_until_the_last() -> None:
    """Blocks on a device run on without the host: whoever times them waits at its own marks."""
    network, inputs = small_case("skips")
    queue = FakeQueue()
    steps = EngineNetwork(network, _engine(queue)).steps()
    queue.log.clear()
    tensors: tuple[torch.Tensor, ...] = inputs
    for step in steps:
        tensors = step(tensors)
    assert queue.log == ["enter", "leave"] * (len(steps) - 1) + ["enter", "finish", "leave"]
    assert all(torch.equal(a, b) for a, b in zip(tensors, network.whole(inputs), strict=True))


def test_outputs_are_the_callers_own() -> None:
    """An edge keeps the tensors at the cut until the server has answered, while further requests run."""
    network, inputs = small_case("skips")
    head = EngineNetwork(network, _engine(FakeQueue())).head(2)
    first = head(inputs)
    kept = [tensor.clone() for tensor in first]
    head(tuple(tensor + 1 for tensor in inputs))
    assert all(torch.equal(a, b) for a, b in zip(first, kept, strict=True))


def test_timed_runs_are_marked_between_the_stages() -> None:
    """Copies in, computing and copies back are told apart; the answer is the same."""
    network, inputs = small_case("skips")
    queue = FakeQueue()
    whole = EngineNetwork(network, _engine(queue)).whole
    queue.log.clear()
    outputs, seconds = whole.timed(inputs)
    assert (seconds.copy_in_s, seconds.compute_s, seconds.copy_out_s) == (1.0, 1.0, 1.0)
    assert queue.log == ["enter", "mark 1", "mark 2", "mark 3", "mark 4", "finish", "leave"]
    assert all(torch.equal(a, b) for a, b in zip(outputs, network.whole(inputs), strict=True))


def test_a_failing_device_is_a_device_error() -> None:
    """Out of memory or a lost GPU fails the request by an error that agents know, with torch's own words."""
    network, inputs = small_case("skips")
    queue = FakeQueue()
    prepared = _engine(queue).prepare(network.whole, leaving=Border.HOST)

    def lost() -> None:
        raise RuntimeError("CUDA error: the launch timed out\nCompile with ...")

    queue.finish = lost  # type: ignore[method-assign]
    with pytest.raises(DeviceError, match=r"cpu failed: RuntimeError: CUDA error: the launch timed out; see"):
        prepared(inputs)
