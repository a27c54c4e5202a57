"""One side's part of a request on its device: answers, seconds, joules, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from joulecut_core.errors import ContractError
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.engines import EngineName, Precision, open_engine
from joulecut_runtime.engines.device_lane import DeviceLane
from joulecut_runtime.engines.torch_engine import TorchEngine, eager
from joulecut_runtime.execution.part_runner import PartRunner
from joulecut_runtime.wires.codecs import codec
from tests.integration.tiny_network import pictures, tiny_network
from tests.runtime.devices.device_files import quiet_file
from tests.runtime.engines.fake_queue import FakeQueue, HostMemory
from tests.runtime.engines.small_cases import TOLERANCE, error

PICTURE = pictures(1)[0]
TABLE = tiny_network().table
EXPECTED = tiny_network().whole((PICTURE,))[0]
RAW = codec("raw")


@pytest.fixture(name="clock")
def _clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(name="device")
def _device(clock: ManualClock) -> Iterator[EmulatedDevice]:
    device = EmulatedDevice(quiet_file(), clock=clock)
    yield device
    device.close()


@pytest.fixture(name="runner")
def _runner(device: EmulatedDevice) -> PartRunner:
    return PartRunner(tiny_network(), device)


@pytest.mark.parametrize("cut", range(TABLE.last))
def test_two_runners_make_the_whole(cut: int, runner: PartRunner) -> None:
    """What one side's runner leaves, another one's finishes to the bit; so does the edge from what it kept."""
    other = PartRunner(tiny_network(), EmulatedDevice(quiet_file(), clock=ManualClock()))
    head = runner.head(cut, RAW, (PICTURE,))
    assert torch.equal(other.tail(cut, RAW, head.encoded).outputs[0], EXPECTED)
    outputs, _ = runner.rest(cut, head.tensors)
    assert torch.equal(outputs[0], EXPECTED)


def test_stages_are_the_devices_seconds_and_joules(
    runner: PartRunner, device: EmulatedDevice, clock: ManualClock
) -> None:
    """Head and encoding make up all that passed on the device; so do decoding and tail."""
    with device.lease(device.clock_table.top):
        began_s, before_j = clock.now_s(), device.exact_energy_j
        head = runner.head(2, codec("affine8"), (PICTURE,))
        assert head.head.time_s + head.encode.time_s == pytest.approx(clock.now_s() - began_s)
        assert head.head.energy_j is not None
        assert head.encode.energy_j is not None
        assert head.head.energy_j + head.encode.energy_j == pytest.approx(device.exact_energy_j - before_j)
        began_s, before_j = clock.now_s(), device.exact_energy_j
        tail = runner.tail(2, codec("affine8"), head.encoded)
        assert tail.decode.time_s + tail.tail.time_s == pytest.approx(clock.now_s() - began_s)
        assert tail.decode.energy_j is not None
        assert tail.tail.energy_j is not None
        assert tail.decode.energy_j + tail.tail.energy_j == pytest.approx(device.exact_energy_j - before_j)


def test_cut_zero_has_no_head(runner: PartRunner) -> None:
    """Sending the picture itself runs nothing but its encoding, and the picture is still checked."""
    head = runner.head(0, RAW, (PICTURE,))
    assert head.head.time_s == 0.0
    assert head.head.energy_j is None
    assert torch.equal(head.tensors[0], PICTURE)
    with pytest.raises(ContractError, match=r"expected uint8\[1, 3, 32, 32\]"):
        runner.head(0, RAW, (PICTURE.float(),))


def test_busy_seconds_count_parts_alone(runner: PartRunner) -> None:
    """`busy_s` is what parts took: energy meters set it against waiting, so encoding must not slip in."""
    head = runner.head(1, codec("fp16"), (PICTURE,))
    _, stage = runner.whole((PICTURE,))
    assert head.encode.time_s > 0
    assert runner.busy_s == pytest.approx(head.head.time_s + stage.time_s)


@pytest.mark.parametrize("cut", [0, 2])
def test_a_payload_of_another_cut_is_refused(cut: int, runner: PartRunner) -> None:
    """Tensors that are not those of the cut run nowhere."""
    other = runner.head(1, RAW, (PICTURE,)).encoded
    busy_s = runner.busy_s
    with pytest.raises(ContractError, match=r"tensor 0 is .*; expected"):
        runner.tail(cut, RAW, other)
    with pytest.raises(ContractError, match="expected"):
        runner.rest(cut, runner.head(1, RAW, (PICTURE,)).tensors)
    assert runner.busy_s < 3 * busy_s


def test_a_payload_in_another_codec_is_refused(runner: PartRunner) -> None:
    """A request says one codec for all of its tensors; a frame in another one is not decoded."""
    encoded = runner.head(1, codec("fp16"), (PICTURE,)).encoded
    with pytest.raises(ContractError, match="tensor 0 is in codec 'fp16'; expected 'raw'"):
        runner.tail(1, RAW, encoded)


@pytest.mark.parametrize("cut", range(TABLE.last))
def test_another_precision_on_each_side_changes_no_border(cut: int, device: EmulatedDevice, clock: ManualClock) -> None:
    """An edge in bf16 sends float32, keeps it for its way out, and a server in fp32 takes it."""
    edge = PartRunner(tiny_network(), device, open_engine(precision=Precision.BF16, clock=clock))
    head = edge.head(cut, RAW, (PICTURE,))
    assert [(str(tensor.dtype), tensor.device.type) for tensor in head.tensors] == [
        (f"torch.{spec.dtype}", "cpu") for spec in TABLE.cuts[cut].tensors
    ]
    server = PartRunner(tiny_network(), EmulatedDevice(quiet_file(), clock=ManualClock()))
    expected = (EXPECTED,)
    assert error(server.tail(cut, RAW, head.encoded).outputs, expected) <= TOLERANCE[Precision.BF16]
    assert 0 < error(edge.rest(cut, head.tensors)[0], expected) <= TOLERANCE[Precision.BF16]
    assert all(
        torch.equal(a, b) for a, b in zip(edge.rest(cut, head.tensors)[0], edge.whole((PICTURE,))[0], strict=True)
    )


def test_requests_in_flight_keep_their_tensors(device: EmulatedDevice, clock: ManualClock) -> None:
    """While a request waits for its server others run; its way out still starts from its own tensors."""
    lane = DeviceLane(FakeQueue(), HostMemory())
    runner = PartRunner(tiny_network(), device, TorchEngine(EngineName.EAGER, Precision.FP32, lane, eager, clock))
    runs = [runner.head(2, RAW, (picture,)) for picture in pictures(3)]
    for run, picture in zip(runs, pictures(3), strict=True):
        assert torch.equal(runner.rest(2, run.tensors)[0][0], tiny_network().whole((picture,))[0])


@pytest.mark.parametrize(
    ("cut", "head", "names"),
    [
        (0, True, ["[input to output]"]),
        (2, True, ["[input to", "to output]"]),
        (2, False, ["to output]"]),
        (TABLE.last, True, ["[input to output]"]),
        (TABLE.last, False, []),
    ],
)
def test_parts_are_prepared_ahead(cut: int, head: bool, names: list[str], device: EmulatedDevice) -> None:
    """Before a plan is switched to, what its requests run here is ready, and it is said how long that took."""
    clock = ManualClock()
    prepared: list[str] = []

    def slow(module: torch.fx.GraphModule, samples: object, *, name: str, **_: object) -> torch.fx.GraphModule:
        del samples
        prepared.append(name)
        clock.sleep_until_s(clock.now_s() + 10)
        return module

    lane = DeviceLane(FakeQueue(), HostMemory())
    runner = PartRunner(tiny_network(), device, TorchEngine(EngineName.COMPILE, Precision.FP32, lane, slow, clock))
    assert runner.prepare(cut, head=head) == 10.0 * len(names)
    assert len(prepared) == len(names)
    assert all(expected in name for expected, name in zip(names, prepared, strict=True))
    if head:
        run = runner.head(cut, RAW, (PICTURE,))
        if cut < TABLE.last:
            runner.rest(cut, run.tensors)
        assert len(prepared) == len(names)
