"""What each codec costs in bytes and in changed answers, at each cut, over a set of samples.

For every sample the chain of blocks runs once and leaves the tensors of every cut; each codec encodes
and decodes them, and the tail turns what arrived into an answer that is compared with the unsplit
network's. A tail is not run where the codec gave every bit back: the answer is the same by
construction. That construction itself is checked on the first sample, at every cut.
"""

from __future__ import annotations

import logging
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from joulecut_core.errors import ContractError, ProfileError
from joulecut_core.networks import CutTable
from joulecut_core.tensor_frames import RAW
from joulecut_core.wires import WireMeasurement, WireTable
from joulecut_runtime.profiling.measurable import MeasurableNetwork
from joulecut_runtime.profiling.progress import ProgressSink, Silence
from joulecut_runtime.wires.answers import answers, has_answers
from joulecut_runtime.wires.codec_checks import flat_bytes
from joulecut_runtime.wires.codecs import Codec, codec, codecs_for

_LOG = logging.getLogger(__name__)


def measure_wires(
    network: MeasurableNetwork,
    samples: Iterable[tuple[Tensor, ...]],
    *,
    samples_from: str,
    codecs: Sequence[Codec] | None = None,
    progress: ProgressSink | None = None,
) -> WireTable:
    """Bytes and share of changed top-1 answers for each cut but the last, and each codec that applies.

    `samples`: inputs of the network. What counts as an answer in its first output, `answers` says; of one without
    answers only lossless codecs are measured. `codecs` restricts which are. A codec that refuses a sample at a cut
    (8 bits of an infinity) is left out there. Raises ProfileError where there are no samples, or where the chain of
    blocks or an uncompressed cut is not bit-equal to the whole.
    """
    inputs = tuple(samples)
    if not inputs:
        raise ProfileError(f"no samples from {samples_from!r}; expected at least one input of the network")
    sink = progress or Silence()
    table = network.table
    judged = has_answers(table.outputs[0].shape)
    if not judged:
        _LOG.warning("%s gives one score: only lossless codecs are offered, no other's loss can be told", table.network)
    tallies = {
        (cut, each.name): _Tally(codec=each)
        for cut in range(table.last)
        for each in codecs_for(table, cut)
        if (judged or each.lossless) and (codecs is None or each.name in {wanted.name for wanted in codecs})
    }
    total = len(inputs)
    for index, sample in enumerate(inputs):
        outputs, crossing = _run(network, sample)
        if index == 0:
            _check_cuts(network, outputs, crossing)
        for (cut, _), tally in tallies.items():
            _measure(network, cut, tally, crossing[cut], outputs[0])
        sink.advance(index + 1, total, f"sample {index + 1} of {total}")
    return WireTable(
        network=table.network,
        network_digest=table.digest,
        samples_from=samples_from,
        reply_bytes=sum(spec.size_bytes for spec in table.outputs),
        wires=tuple(tally.measurement(cut) for (cut, _), tally in tallies.items() if not tally.refused),
    )


def lossless_wires(table: CutTable) -> WireTable:
    """What needs no samples to be known: the codecs that give every bit back in a fixed number of bytes."""
    raw = codec(RAW)
    return WireTable(
        network=table.network,
        network_digest=table.digest,
        samples_from="none: lossless codecs only",
        reply_bytes=sum(spec.size_bytes for spec in table.outputs),
        wires=tuple(
            WireMeasurement(
                cut=cut.index,
                codec=raw.name,
                mean_bytes=cut.size_bytes,
                max_bytes=cut.size_bytes,
                accuracy_loss=0.0,
                samples=0,
            )
            for cut in table.cuts[:-1]
        ),
    )


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What was seen so far of one codec at one cut."""

    codec: Codec
    answers: int = 0
    changed: int = 0
    sizes_bytes: list[int] = field(default_factory=list)
    refused: bool = False

    def measurement(self, cut: int) -> WireMeasurement:
        return WireMeasurement(
            cut=cut,
            codec=self.codec.name,
            mean_bytes=statistics.fmean(self.sizes_bytes),
            max_bytes=max(self.sizes_bytes),
            std_bytes=statistics.pstdev(self.sizes_bytes),
            accuracy_loss=self.changed / self.answers,
            samples=self.answers,
        )


def _run(
    network: MeasurableNetwork, sample: tuple[Tensor, ...]
) -> tuple[tuple[Tensor, ...], tuple[tuple[Tensor, ...], ...]]:
    """The unsplit network's outputs, and the tensors of every cut (the last one's are the outputs)."""
    outputs = network.whole(sample)
    crossing = [sample]
    for step in network.steps():
        crossing.append(step(crossing[-1]))
    if not _bit_equal(crossing[-1], outputs):
        raise ProfileError(
            f"the blocks of {network.table.network!r}, run one after the other, do not give the unsplit network's "
            "outputs bit for bit; its wires cannot be measured: capture the network again"
        )
    return outputs, tuple(crossing)


def _check_cuts(
    network: MeasurableNetwork, outputs: tuple[Tensor, ...], crossing: tuple[tuple[Tensor, ...], ...]
) -> None:
    raw = codec("raw")
    for cut in range(1, network.table.last):
        if not _bit_equal(network.tail(cut)(raw.decode(raw.encode(crossing[cut]))), outputs):
            raise ProfileError(
                f"cut {cut} ({network.table.cuts[cut].name}) of {network.table.network!r} does not give the unsplit "
                "network's outputs bit for bit; expected every cut to: capture the network again"
            )


def _measure(
    network: MeasurableNetwork, cut: int, tally: _Tally, tensors: tuple[Tensor, ...], reference: Tensor
) -> None:
    if tally.refused:
        return
    try:
        encoded = tally.codec.encode(tensors)
    except ContractError as error:
        _LOG.warning("%s is not offered at cut %d: %s", tally.codec.name, cut, error)
        tally.refused = True
        return
    size_bytes = sum(each.size_bytes for each in encoded)
    decoded = tally.codec.decode(encoded)
    expected = answers(reference)
    if tally.codec.lossless and not _bit_equal(decoded, tensors):
        raise ProfileError(f"codec {tally.codec.name} changed the tensors of cut {cut}; expected every bit back")
    if not _bit_equal(decoded, tensors):
        tail = network.whole if cut == 0 else network.tail(cut)
        tally.changed += int((answers(tail(decoded)[0]) != expected).sum())
    tally.answers += expected.numel()
    tally.sizes_bytes.append(size_bytes)


def _bit_equal(actual: Sequence[Tensor], expected: Sequence[Tensor]) -> bool:
    if len(actual) != len(expected):
        return False
    pairs = zip(actual, expected, strict=True)
    return all(
        a.dtype == b.dtype and a.shape == b.shape and torch.equal(flat_bytes(a), flat_bytes(b)) for a, b in pairs
    )
