"""Which networks can be named, and at which batch sizes they come."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from joulecut.study.subjects import find_subject
from joulecut_core.errors import ConfigError
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.bundle import write_bundle
from tests.api.study.tiny_networks import DEEP, INPUT, deep


def test_a_factory_is_captured_at_every_batch_size() -> None:
    """The batch is the first dimension of input and output, and the weights stay the same."""
    subject = find_subject(DEEP, (INPUT,))
    one, four = subject.graph(1), subject.graph(4)
    assert subject.name == "deep"
    assert [graph.inputs[0].shape for graph in (one, four)] == [(1, 3, 32, 32), (4, 3, 32, 32)]
    assert one.value_specs()[one.outputs[0]].shape == (1, 10)
    assert four.value_specs()[four.outputs[0]].shape == (4, 10)
    assert all(torch.equal(one.constants[name], four.constants[name]) for name in one.constants)


def test_a_bundle_has_the_batch_size_it_was_captured_at(tmp_path: Path) -> None:
    """Its shapes are fixed; asked for another size it says how to get one."""
    write_bundle(capture(deep(), (torch.zeros(2, 3, 32, 32),), name="packed"), tmp_path)
    subject = find_subject(str(tmp_path), ())
    assert subject.name == "packed"
    assert subject.graph(2).inputs[0].shape == (2, 3, 32, 32)
    with pytest.raises(ConfigError, match=r"captured at batch 2, not 1; give --batches 2, or its factory"):
        subject.check_batch(1)


@pytest.mark.parametrize(
    ("reference", "inputs", "message"),
    [
        (DEEP, (), "needs --input"),
        (DEEP, ("f32:2x3x32x32",), "the first dimension is 2; expected 1"),
        ("no/such/folder", (), "no bundle is there"),
    ],
)
def test_what_cannot_be_studied_is_refused(reference: str, inputs: tuple[str, ...], message: str) -> None:
    """Each refusal says what was expected."""
    with pytest.raises(ConfigError, match=message):
        find_subject(reference, inputs)


@pytest.mark.skipif(find_spec("torchvision") is None, reason="torchvision is not installed (see the Makefile)")
def test_a_misspelt_network_of_torchvision_is_guessed() -> None:
    """A near miss names what is near; a known one is built with random weights."""
    with pytest.raises(ConfigError, match=r"did you mean .*resnet50"):
        find_subject("resnet_50", ())
    assert find_subject("resnet18", ()).weights == "random"
