"""Measured wires: bytes as they cross, answers compared with the unsplit network's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from joulecut_core.errors import ProfileError
from joulecut_core.wires import load_wires, save_wires
from joulecut_runtime.wires.codecs import codec
from joulecut_runtime.wires.measurement import measure_wires
from tests.runtime.small_network import Listener, SmallNetwork, small_network, small_pictures


def test_wires_of_each_cut_and_codec(tmp_path: Path) -> None:
    """Every codec that applies is measured at every cut but the last; bytes are payloads plus headers."""
    wires = measure_wires(small_network(), small_pictures(20), samples_from="noise")
    sizes = {(wire.cut, wire.codec): wire.mean_bytes for wire in wires.wires}
    assert sizes[0, "raw"] == 192
    assert sizes[1, "raw"] == 1024 + 4
    assert sizes[1, "fp16"] == 512 + 2
    assert sizes[1, "affine8"] == 256 + 8 + 1 + 8
    assert sizes[1, "affine8c"] == 256 + 4 * 8 + 1 + 8
    assert sizes[2, "affine8"] == 5 + 8
    assert {codec_name for cut, codec_name in sizes if cut == 0} == {"raw", "jpeg98", "jpeg90"}
    assert max(cut for cut, _ in sizes) == 2
    assert wires.reply_bytes == 40
    assert (wires.network, wires.network_digest, wires.samples_from) == ("small", "sha256:small", "noise")
    save_wires(wires, tmp_path / "wires.json")
    assert load_wires(tmp_path / "wires.json") == wires


def test_loss_is_the_share_of_changed_answers() -> None:
    """raw never changes an answer; noise as JPEG changes some, exactly those a direct comparison finds."""
    network, samples = small_network(), small_pictures(60)
    wires = measure_wires(network, samples, samples_from="noise")
    loss = {(wire.cut, wire.codec): wire.accuracy_loss for wire in wires.wires}
    assert all(value == 0 for (_, name), value in loss.items() if name == "raw")
    jpeg = codec("jpeg90")
    changed = sum(
        int(_answer(network, jpeg.decode(jpeg.encode(sample))) != _answer(network, sample)) for sample in samples
    )
    assert loss[0, "jpeg90"] == changed / 60 > 0
    assert {wire.samples for wire in wires.wires} == {60}
    jpegs = next(wire for wire in wires.wires if wire.codec == "jpeg90")
    assert jpegs.max_bytes == max(jpeg.encode(sample)[0].size_bytes for sample in samples) > jpegs.mean_bytes


def test_tails_are_not_run_for_equal_bits() -> None:
    """raw alone costs one tail per cut, for the check on the first sample."""
    network = small_network()
    measure_wires(network, small_pictures(5), samples_from="noise", codecs=[codec("raw")])
    assert network.tail(1).runs == 1
    assert network.whole.runs == 5


def test_only_the_named_codecs() -> None:
    """`codecs` restricts what is measured to those of them that apply."""
    wires = measure_wires(
        small_network(), small_pictures(2), samples_from="noise", codecs=[codec("fp16"), codec("jpeg98")]
    )
    assert [(wire.cut, wire.codec) for wire in wires.wires] == [(0, "jpeg98"), (1, "fp16"), (2, "fp16")]


def test_a_tail_that_differs_is_refused() -> None:
    """A network whose tail is not the rest of the whole has no wires: the cut is named."""
    network = small_network()
    broken = network.tail(1)
    broken.functions = (*broken.functions, lambda tensors: (tensors[0] * (1 + 1e-6),))
    with pytest.raises(ProfileError, match=r"cut 1 \(stem\) of 'small' does not give"):
        measure_wires(network, small_pictures(2), samples_from="noise")


def test_blocks_that_differ_from_the_whole_are_refused() -> None:
    """The chain of blocks must be the network."""
    network = small_network()
    step = network.steps()[2]
    step.functions = (*step.functions, lambda tensors: (tensors[0] + 1,))
    with pytest.raises(ProfileError, match="run one after the other"):
        measure_wires(network, small_pictures(2), samples_from="noise")


def test_codec_that_cannot_carry_a_sample_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """An infinity at a cut takes the 8-bit codecs off the table there, and says so; fp16 stays."""
    network = small_network()
    stem = network.functions[0]

    def masking(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        features, mean = stem(tensors)
        return features, torch.full_like(mean, float("-inf"))

    masked = SmallNetwork(table=network.table, functions=(masking, network.functions[1], network.functions[2]))
    wires = measure_wires(masked, small_pictures(3), samples_from="noise")
    assert [wire.codec for wire in wires.at(1)] == ["raw", "fp16"]
    assert "affine8 is not offered at cut 1" in caplog.text


def test_a_single_score_has_no_answers(caplog: pytest.LogCaptureFixture) -> None:
    """The largest of one number never changes: no lossy codec is said to lose nothing."""
    network = small_network()
    classify = network.functions[2]
    table = replace(network.table, outputs=(replace(network.table.outputs[0], shape=(1, 1)),))
    scored = SmallNetwork(table=table, functions=(*network.functions[:2], lambda given: (classify(given)[0][:, :1],)))
    wires = measure_wires(scored, small_pictures(2), samples_from="noise")
    assert [(wire.cut, wire.codec) for wire in wires.wires] == [(0, "raw"), (1, "raw"), (2, "raw")]
    assert "small gives one score: only lossless codecs are offered" in caplog.text


def test_no_samples_is_an_error() -> None:
    """Nothing measured is not a table of zero loss."""
    with pytest.raises(ProfileError, match="no samples from 'empty folder'"):
        measure_wires(small_network(), [], samples_from="empty folder")


def test_each_row_of_the_output_is_an_answer() -> None:
    """A batch or a sequence gives one answer per row."""
    network = small_network()
    classify = network.functions[2]

    def twice(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (logits,) = classify(tensors)
        return (torch.cat((logits, -logits)),)

    doubled = SmallNetwork(table=network.table, functions=(*network.functions[:2], twice))
    wires = measure_wires(doubled, small_pictures(4), samples_from="noise", codecs=[codec("fp16")])
    assert {wire.samples for wire in wires.wires} == {8}


def test_progress_is_told() -> None:
    """One step per sample, ending at the total."""
    listener = Listener()
    measure_wires(small_network(), small_pictures(3), samples_from="noise", progress=listener)
    assert [told[:2] for told in listener.told] == [(1, 3), (2, 3), (3, 3)]


def _answer(network: SmallNetwork, inputs: tuple[Tensor, ...]) -> int:
    return int(network.whole(inputs)[0].argmax())
