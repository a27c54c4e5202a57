"""Runs this side's part of a request on its device: head and encode on an edge, decode and tail on a server.

One runner owns one device. Its work is strictly serial (a GPU's clock and its meter are whole-device
things), so agents call it from one worker thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from joulecut_core.devices import Device
from joulecut_core.errors import ContractError
from joulecut_core.tensor_frames import TensorFrame
from joulecut_core.timing import SystemClock
from joulecut_runtime.engines import Engine, EngineNetwork, open_engine
from joulecut_runtime.execution.failed_computation import computed
from joulecut_runtime.networks.network import Network
from joulecut_runtime.networks.parts import Part
from joulecut_runtime.wires.codecs import Codec, decode_expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Seconds and joules of one stage; `energy_j` is None where the device cannot tell so short a window."""

    time_s: float = 0.0
    energy_j: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRun:
    """What the edge's part left: the tensors at the cut (kept for a fallback) and their encoded form.

    `encoded`: empty where the codec cannot carry them, as one of eight bits no infinities; then nothing can be sent.
    `complaint`: why; empty where it can.
    """

    tensors: tuple[Tensor, ...]
    encoded: tuple[TensorFrame, ...]
    head: Stage
    encode: Stage
    complaint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TailRun:
    """The network's outputs and what decoding and computing them took."""

    outputs: tuple[Tensor, ...]
    decode: Stage
    tail: Stage


class PartRunner:
    """Runs parts of one network on one device; `busy_s` counts the seconds that parts took, codecs left out.

    Whatever the engine, tensors that come and go are in the host's memory and in the network's declared types.
    """

    def __init__(self, network: Network, device: Device, engine: Engine | None = None) -> None:
        """`engine`: what computes; by default the CPU, one operator after the other, in the captured precision."""
        self.network = network
        self.device = device
        self.busy_s = 0.0
        self._prepared = EngineNetwork(network, engine or open_engine(clock=SystemClock()))

    def prepare(self, cut: int, *, head: bool) -> float:
        """Make ready what requests at `cut` run here, so that none of them waits for a compiler; seconds it took.

        `head`: for an edge, which runs the head, and the rest where it loses the server; without it the rest
        only. Raises ConfigError where the engine cannot run a part, DeviceError where the device fails.
        """
        parts = [self.network.head(cut)] if head and cut > 0 else []
        if cut < self.network.table.last:
            parts.append(self._rest(cut))
        return sum(self._prepared.prepared(part).preparation_s for part in parts)

    def head(self, cut: int, codec: Codec, inputs: Sequence[Tensor]) -> HeadRun:
        """Everything before `cut` and the encoding of what crosses. Raises ContractError on wrong inputs."""
        tensors, head = tuple(inputs), Stage()
        if cut > 0:
            tensors, head = self._run(self.network.head(cut), inputs)
        else:
            self.network.whole.check_inputs(inputs)
        specs = self.network.table.cuts[cut].tensors
        with self.device.execution(codec.encode_workload(specs)) as execution:
            encoded, complaint = _encoded(codec, tensors)
        encode = Stage(time_s=execution.elapsed_s, energy_j=execution.energy_j)
        return HeadRun(tensors=tensors, encoded=encoded, head=head, encode=encode, complaint=complaint)

    def tail(self, cut: int, codec: Codec, encoded: Sequence[TensorFrame]) -> TailRun:
        """Decoding and everything after `cut`. Raises ContractError where the payload does not fit the cut."""
        specs = self.network.table.cuts[cut].tensors
        with self.device.execution(codec.decode_workload(specs)) as execution:
            tensors = decode_expected(codec, encoded, specs)
        decode = Stage(time_s=execution.elapsed_s, energy_j=execution.energy_j)
        outputs, tail = self.rest(cut, tensors)
        return TailRun(outputs=outputs, decode=decode, tail=tail)

    def rest(self, cut: int, tensors: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], Stage]:
        """Everything after `cut` from its undecoded tensors: the edge's way out when the server is lost."""
        return self._run(self._rest(cut), tensors)

    def whole(self, inputs: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], Stage]:
        """The whole network on this device. As each part: FailedComputationError where its inputs make it fail."""
        return self._run(self.network.whole, inputs)

    def _run(self, part: Part, tensors: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], Stage]:
        part.check_inputs(tensors)
        prepared = self._prepared.prepared(part)
        with self.device.execution(part.workload) as execution:
            outputs = computed(lambda: prepared(tensors))
        self.busy_s += execution.elapsed_s
        return outputs, Stage(time_s=execution.elapsed_s, energy_j=execution.energy_j)

    def _rest(self, cut: int) -> Part:
        return self.network.whole if cut == 0 else self.network.tail(cut)


def _encoded(codec: Codec, tensors: Sequence[Tensor]) -> tuple[tuple[TensorFrame, ...], str]:
    try:
        return codec.encode(tensors), ""
    except ContractError as error:
        return (), str(error)
