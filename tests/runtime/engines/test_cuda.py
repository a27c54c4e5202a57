"""Engines on a CUDA device: the CPU's answers within the tolerance, whatever the engine, cut and order of requests.

The tolerances are those that the CPU keeps in the same precision; fp32 has some room for other orders of summing.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from joulecut_core.errors import DeviceError
from joulecut_core.timing import SystemClock
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.engines import (
    Engine,
    EngineName,
    EngineNetwork,
    Precision,
    declared_on_host,
    engine_obstacle,
    open_engine,
    synchroniser,
    torch_device_of,
)
from joulecut_runtime.engines.cuda_queue import CudaQueue, page_locked
from joulecut_runtime.engines.device_lane import DeviceLane
from joulecut_runtime.networks.network import Network
from joulecut_runtime.wires.codecs import codec
from tests.networks.receiving import over_the_wire
from tests.runtime.engines.small_cases import CASES, TOLERANCE, error, small_case

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device"),
    # What torch and its compiler advise or have deprecated is not ours, and differs from build to build.
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

CUDA = torch.device("cuda", 0)
FP32_TOLERANCE = 1e-4


@pytest.fixture(name="engine", params=[EngineName.EAGER, EngineName.CUDA_GRAPH], ids=lambda name: name.value)
def _engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    name: EngineName = request.param
    yield open_engine(name, torch_device=CUDA, clock=SystemClock())
    synchroniser(CUDA)()


def _tolerance(precision: Precision) -> float:
    return FP32_TOLERANCE if precision is Precision.FP32 else TOLERANCE[precision]


@pytest.mark.parametrize("precision", Precision)
@pytest.mark.parametrize("name", [EngineName.EAGER, EngineName.CUDA_GRAPH])
@pytest.mark.parametrize("case", CASES)
def test_cuda_answers_as_the_cpu(case: str, name: EngineName, precision: Precision) -> None:
    """Whole, every cut, and block by block: host tensors in, host tensors of the declared types out."""
    network, inputs = small_case(case)
    expected = network.whole(inputs)
    prepared = EngineNetwork(network, open_engine(name, precision, torch_device=CUDA, clock=SystemClock()))
    assert error(prepared.whole(inputs), expected) <= _tolerance(precision)
    for cut in range(1, network.table.last):
        crossing = prepared.head(cut)(inputs)
        assert {tensor.device.type for tensor in crossing} == {"cpu"}
        answer = prepared.tail(cut)(over_the_wire(crossing))
        assert error(answer, expected) <= _tolerance(precision)
    tensors = inputs
    for cut, step in enumerate(prepared.steps(), start=1):
        tensors = step(tensors)
        if cut < network.table.last:
            assert {tensor.device.type for tensor in tensors} == {"cuda"}
            crossing = declared_on_host(tensors, network.table.cuts[cut].tensors)
            assert error(crossing, prepared.head(cut)(inputs)) <= _tolerance(precision)
    assert error(tensors, expected) <= _tolerance(precision)


@pytest.mark.parametrize("precision", [Precision.FP32, Precision.BF16])
def test_compiled_parts_answer_as_the_cpu(precision: Precision) -> None:
    """A compiled head and tail on the GPU."""
    obstacle = engine_obstacle(EngineName.COMPILE, CUDA)
    if obstacle is not None:
        pytest.skip(f"torch.compile: {obstacle}")
    network, inputs = small_case("skips")
    engine = open_engine(EngineName.COMPILE, precision, torch_device=CUDA, clock=SystemClock())
    prepared = EngineNetwork(network, engine)
    answer = prepared.tail(2)(over_the_wire(prepared.head(2)(inputs)))
    assert error(answer, network.whole(inputs)) <= _tolerance(precision)


def test_requests_one_after_the_other_do_not_mix(engine: Engine) -> None:
    """Buffers are reused from request to request: each still gets its own answer, and keeps it."""
    network, inputs = small_case("skips")
    prepared = EngineNetwork(network, engine)
    requests = [tuple(tensor * factor for tensor in inputs) for factor in (1.0, -2.0, 3.0, 0.5)]
    heads = [prepared.head(2)(request) for request in requests]
    answers = [prepared.tail(2)(head) for head in heads]
    for request, answer in zip(requests, answers, strict=True):
        assert error(answer, network.whole(request)) <= FP32_TOLERANCE


def test_parts_in_any_order(engine: Engine) -> None:
    """Recorded parts share memory for what is between their operators; no order of replays may show it."""
    network, inputs = small_case("branching")
    prepared = EngineNetwork(network, engine)
    cuts = list(range(1, network.table.last))
    expected = network.whole(inputs)
    crossing = {cut: prepared.head(cut)(inputs) for cut in cuts}
    _ = prepared.steps(), prepared.whole
    for cut in [*reversed(cuts), *cuts]:
        assert error(prepared.tail(cut)(crossing[cut]), expected) <= FP32_TOLERANCE
        assert error(prepared.head(cut)(inputs), crossing[cut]) <= FP32_TOLERANCE
        assert error(prepared.whole(inputs), expected) <= FP32_TOLERANCE


def test_outputs_are_page_locked_and_can_be_encoded(engine: Engine) -> None:
    """Copies back to the host are asynchronous only into page-locked memory; codecs read it as any other."""
    network, inputs = small_case("skips")
    crossing = EngineNetwork(network, engine).head(2)(inputs)
    assert all(tensor.is_pinned() for tensor in crossing)
    raw = codec("raw")
    decoded = raw.decode(raw.encode(crossing))
    assert all(torch.equal(a, b) for a, b in zip(decoded, crossing, strict=True))


def test_weights_are_moved_once() -> None:
    """Preparing every part costs one copy of the weights on the GPU, and small change."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        module = torch.nn.Sequential(*(torch.nn.Linear(1024, 1024) for _ in range(8)))
        x = torch.randn(1, 1024)
    wide = Network(capture(torch.nn.Sequential(module, torch.nn.Linear(1024, 8)), (x,), name="wide"))
    weights_bytes = sum(tensor.nbytes for tensor in wide.graph.constants.values())
    engine = open_engine(torch_device=CUDA, clock=SystemClock())
    prepared = EngineNetwork(wide, engine)
    _ = prepared.whole
    before = torch.cuda.memory_allocated(CUDA)
    assert before >= weights_bytes
    _ = prepared.steps(), [prepared.head(cut) for cut in range(1, wide.table.last)]
    assert torch.cuda.memory_allocated(CUDA) - before < 0.1 * weights_bytes


def test_timed_runs_tell_where_the_time_went(engine: Engine) -> None:
    """Three stages by the device's own events, none negative, and the same answer."""
    network, inputs = small_case("residual")
    whole = EngineNetwork(network, engine).whole
    whole(inputs)
    outputs, seconds = whole.timed(inputs)
    assert error(outputs, network.whole(inputs)) <= FP32_TOLERANCE
    assert min(seconds.copy_in_s, seconds.compute_s, seconds.copy_out_s) >= 0
    assert seconds.compute_s > 0


def test_fp32_is_not_tf32() -> None:
    """Ten bits of mantissa would show in a long sum: convolutions and products keep float32's."""
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(1, 256, 16, 16, generator=generator)
    weight = torch.randn(64, 256, 3, 3, generator=generator)
    open_engine(torch_device=CUDA, clock=SystemClock())
    exact = torch.conv2d(x.double(), weight.double())

    def off(answer: Tensor) -> float:
        return float((answer.cpu().double() - exact).abs().max() / exact.abs().max())

    assert off(torch.conv2d(x.to(CUDA), weight.to(CUDA))) < 5e-5


def test_a_gpu_is_found_by_its_uuid() -> None:
    """The UUID that CUDA tells, with NVML's prefix, leads back to the same device."""
    uuid = str(torch.cuda.get_device_properties(CUDA).uuid)
    assert torch_device_of(f"GPU-{uuid}") == CUDA
    assert torch_device_of("GPU-00000000-0000-0000-0000-000000000000") is None


def test_out_of_memory_is_a_device_error() -> None:
    """A request that does not fit fails alone: the next one runs."""
    network, inputs = small_case("skips")
    engine = open_engine(torch_device=CUDA, clock=SystemClock())
    prepared = EngineNetwork(network, engine)
    lane = DeviceLane(CudaQueue(CUDA), page_locked)
    with pytest.raises(DeviceError, match="cuda:0 failed: OutOfMemoryError"), lane.turn():
        torch.empty(2**46, dtype=torch.uint8, device=CUDA)
    assert error(prepared.whole(inputs), network.whole(inputs)) <= FP32_TOLERANCE


def test_page_locked_memory_keeps_layouts() -> None:
    """A copy into other strides would go through a second buffer, and wait."""
    tensor = torch.empty(1, 4, 3, 3, device=CUDA).to(memory_format=torch.channels_last)
    pinned = page_locked(tensor)
    assert pinned.is_pinned()
    assert pinned.stride() == tensor.stride()
    assert pinned.device.type == "cpu"
