"""A bundle with an INT8 variant: written, read, covered by the digest, and free of code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from joulecut_core.errors import BundleError
from joulecut_core.timing import ManualClock
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.bundle import (
    BUNDLE_FILES,
    MANIFEST_FILE,
    bundle_files,
    open_bundle,
    read_manifest,
    write_bundle,
)
from joulecut_runtime.networks.network import Network
from joulecut_runtime.quantised.int8_engine import Int8Engine
from joulecut_runtime.quantised.packed_weights import integer_obstacle
from joulecut_runtime.quantised.scales_file import SCALES_FILE, WEIGHT_SCALES_FILE
from tests.runtime.quantised.small_networks import Convolution, mixed_network, mixed_scales, pictures

Document = dict[str, Any]


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    write_bundle(mixed_network().graph, tmp_path / "bundle", scales=mixed_scales())
    return tmp_path / "bundle"


def refusal(folder: Path) -> str:
    with pytest.raises(BundleError) as refused:
        open_bundle(folder)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def edit(folder: Path, change: Callable[[Document], object], file: str = SCALES_FILE) -> None:
    document = json.loads((folder / file).read_text(encoding="utf-8"))
    change(document)
    (folder / file).write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.skipif(integer_obstacle() is not None, reason=f"no INT8 here: {integer_obstacle()}")
def test_a_loaded_variant_answers_to_the_bit(folder: Path) -> None:
    """Full precision and scales are shipped, and rounded on loading: the other side computes the same numbers."""
    network = Network.load(folder)
    assert network.scales is not None
    loaded = Int8Engine(network.scales, clock=ManualClock()).prepare(network.whole)
    here = Int8Engine(mixed_scales(), clock=ManualClock()).prepare(mixed_network().whole)
    for inputs in pictures(3, seed=9):
        assert torch.equal(loaded(inputs)[0], here(inputs)[0])


def test_the_digest_covers_the_variant(folder: Path, tmp_path: Path) -> None:
    """Without variants the digest is the network's, as it always was; with one it is another, and the network's own."""
    plain = write_bundle(mixed_network().graph, tmp_path / "plain")
    with_variant = read_manifest(folder).digest
    assert plain == mixed_network().table.digest != with_variant
    assert Network.load(folder).table.digest == with_variant
    edit(folder, lambda document: document.update(document))
    assert open_bundle(folder).digest == with_variant
    edit(folder, lambda document: next(iter(document["values"].values())).update(scale=0.125))
    assert "digest" in refusal(folder)


def test_a_weight_scale_is_covered_too(folder: Path) -> None:
    """One changed scale of one output channel is another bundle."""
    weights = load_file(folder / WEIGHT_SCALES_FILE)
    next(iter(weights.values()))[0] *= 2
    save_file(weights, folder / WEIGHT_SCALES_FILE)
    assert "digest" in refusal(folder)


def test_bundles_without_variants_are_as_before(tmp_path: Path) -> None:
    """Older bundles load, and what is written without a variant holds no key that older versions would refuse."""
    write_bundle(mixed_network().graph, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(BUNDLE_FILES)
    assert "variants" not in json.loads((tmp_path / MANIFEST_FILE).read_text(encoding="utf-8"))
    assert open_bundle(tmp_path).scales is None
    assert bundle_files(tmp_path) == BUNDLE_FILES


def test_writing_without_a_variant_leaves_none_behind(folder: Path) -> None:
    """A bundle written over one with a variant has no stale scales beside it."""
    assert set(bundle_files(folder)) == {*BUNDLE_FILES, SCALES_FILE, WEIGHT_SCALES_FILE}
    write_bundle(mixed_network().graph, folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted(BUNDLE_FILES)


def test_nothing_written_is_pickled(folder: Path) -> None:
    """JSON and safetensors only: no file starts or holds what a pickle or a zip of pickles would."""
    for name in bundle_files(folder):
        content = (folder / name).read_bytes()
        assert not content.startswith((b"\x80", b"PK"))
        assert b"torch._utils" not in content
        assert name.endswith((".json", ".safetensors"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(schema="joulecut.scales/9"), "schema 'joulecut.scales/9'"),
        (lambda d: d.update(network_digest="sha256:0"), "scales of network sha256:0"),
        (lambda d: d["integer"].update(sub="sub"), "integer.sub: 'sub' has no scale"),
        (lambda d: (d["values"].update(sub={"scale": 1.0, "zero_point": 0}), d["integer"].update(sub="sub")), "cannot"),
        (lambda d: d["kernels"].reverse(), "kernels are not the convolutions"),
        (lambda d: d["kernels"].pop(), "kernels, integer and weights name different nodes"),
        (lambda d: d["values"]["conv2d_2"].update(scale=-1.0), "scale -1.0, zero point"),
        (lambda d: d["values"]["conv2d_2"].update(zero_point=1.5), "values.conv2d_2.zero_point: 1.5"),
        (lambda d: d["values"].pop("pad"), "reads 'pad', which has no scale"),
        (lambda d: d.update(code="import os"), "code: unknown key"),
    ],
)
def test_damaged_scales_are_refused(folder: Path, change: Callable[[Document], object], message: str) -> None:
    """Whatever a stranger writes into the scales is named, and nothing is computed with it."""
    edit(folder, change)
    assert message in refusal(folder)


def test_damaged_weight_scales_are_refused(folder: Path) -> None:
    """Missing, garbled, negative or otherwise shaped weight scales are told apart from network trouble."""
    good = load_file(folder / WEIGHT_SCALES_FILE)
    name = next(iter(good))
    for bad in (-good[name], good[name].reshape(1, -1), good[name].double(), good[name] * float("nan")):
        save_file({**good, name: bad.contiguous()}, folder / WEIGHT_SCALES_FILE)
        assert f"weights.{name}" in refusal(folder)
    save_file({**good, name: good[name][1:].contiguous()}, folder / WEIGHT_SCALES_FILE)
    assert f"{name} has {len(good[name]) - 1} weight scales; expected {len(good[name])}" in refusal(folder)
    header = json.dumps({name: {"dtype": "F6_E2M3", "shape": [8], "data_offsets": [0, 6]}}).encode()
    unknown_type = len(header).to_bytes(8, "little") + header + bytes(6)
    for content in (b"\x80\x04garbage", unknown_type):
        (folder / WEIGHT_SCALES_FILE).write_bytes(content)
        assert "damaged" in refusal(folder)
    (folder / WEIGHT_SCALES_FILE).unlink()
    assert "missing" in refusal(folder)
    (folder / WEIGHT_SCALES_FILE).symlink_to(folder / SCALES_FILE)
    assert "regular file" in refusal(folder)


@pytest.mark.parametrize("variants", [["int4"], ["int8", "int8"]])
def test_unknown_variants_are_refused(folder: Path, variants: list[str]) -> None:
    """A bundle of a later version says so, before anything else is read."""
    edit(folder, lambda document: document.update(variants=variants), MANIFEST_FILE)
    assert "expected some of int8" in refusal(folder)


def test_scales_of_another_network_are_not_written(tmp_path: Path) -> None:
    """A bundle cannot be made whose variant is another network's."""
    torch.manual_seed(1)
    module = Convolution()
    other = capture(module, (torch.zeros(1, 3, 9, 9),), name="other")
    with pytest.raises(BundleError, match="scales of network"):
        write_bundle(other, tmp_path, scales=mixed_scales())
