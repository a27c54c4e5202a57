"""`joulecut.capture` and `Network`: what was captured, where it can be cut, and what it answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from joulecut.own.network import capture, load
from joulecut_core.errors import BundleError, CaptureError, ContractError
from tests.api.own.small_networks import Words, captured_vectors, vectors


def test_it_answers_as_the_module() -> None:
    """Arrays in, arrays out, equal to torch's own."""
    module = vectors()
    network = capture(module, np.zeros((1, 8), np.float32), name="vectors")
    sample = np.linspace(-1, 1, 8, dtype=np.float32).reshape(1, 8)
    (output,) = network.run(sample)
    assert (network.name, output.shape, output.dtype) == ("vectors", (1, 3), np.dtype(np.float32))
    np.testing.assert_allclose(output, module(torch.from_numpy(sample)).detach().numpy(), rtol=1e-5, atol=1e-6)


def test_it_answers_alike_within_autocast() -> None:
    """Of a lower precision that the application computes in, its answers and its wires have nothing."""
    network = captured_vectors()
    sample = np.linspace(-1, 1, 8, dtype=np.float32).reshape(1, 8)
    answers, wires = network.run(sample), network.wires([[sample]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert network.wires([[sample]]) == wires
        np.testing.assert_array_equal(network.run(sample), answers)


def test_cuts() -> None:
    """From everything on the server to everything on the edge: work rises to all of it, nothing crosses at the end."""
    network = captured_vectors()
    first, *_, last = rows = network.cuts()
    assert [row.index for row in rows] == list(range(len(rows)))
    assert (first.name, first.size_bytes, first.work_share) == ("input", 8 * 4, 0.0)
    assert (last.name, last.size_bytes, last.tensors) == ("output", 0, ())
    assert last.work_share == pytest.approx(1.0)
    shares = [row.work_share for row in rows]
    assert shares == sorted(shares)


def test_several_inputs_and_a_name_of_its_own() -> None:
    """One example per argument, of any element type; without a name it has its class's."""
    network = capture(Words(), torch.zeros(1, 6, dtype=torch.int64), torch.zeros(1, 4))
    assert [str(spec) for spec in network.inputs] == ["int64[1, 6]", "float32[1, 4]"]
    assert network.name == "words"
    tokens = np.array([[1, 2, 3, 4, 5, 6]])
    assert network.run(tokens, np.ones((1, 4), np.float32))[0].shape == (1, 2)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((), "0 inputs; expected 1: float32"),
        ((np.zeros((1, 8)),), r"is float64\[1, 8\]; expected float32\[1, 8\]"),
        ((np.zeros((2, 8), np.float32),), r"is float32\[2, 8\]; expected float32\[1, 8\]"),
    ],
)
def test_wrong_inputs(inputs: tuple[np.ndarray[tuple[int, ...], np.dtype[np.float32]], ...], message: str) -> None:
    """Refused by name, with what was given and what is expected, and not converted in silence."""
    with pytest.raises(ContractError, match=message):
        captured_vectors().run(*inputs)


def test_saved_and_loaded(tmp_path: Path) -> None:
    """The bundle holds the same network: digest, cuts and answers."""
    network = captured_vectors()
    again = load(network.save(tmp_path / "bundle"))
    assert (again.digest, again.cuts()) == (network.digest, network.cuts())
    sample = np.ones((1, 8), np.float32)
    np.testing.assert_array_equal(again.run(sample)[0], network.run(sample)[0])


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    """One that holds no bundle and one that cannot be written are named."""
    with pytest.raises(BundleError):
        load(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match="cannot be written"):
        captured_vectors().save(tmp_path / "file" / "bundle")


def test_no_example() -> None:
    """A network's inputs cannot be guessed."""
    with pytest.raises(CaptureError, match="no example inputs"):
        capture(vectors())


def test_wires() -> None:
    """Without samples what loses nothing is known; with samples every codec that applies, and how often it errs."""
    network = captured_vectors()
    assert {wire.codec for wire in network.wires().wires} == {"raw"}
    seen: list[tuple[int, int]] = []
    samples = [(np.full((1, 8), value, np.float32),) for value in (-1.0, 0.5)]
    table = network.wires(samples, samples_from="two rows", progress=lambda done, total, _: seen.append((done, total)))
    assert {"raw", "fp16", "affine8"} <= {wire.codec for wire in table.wires}
    assert (table.samples_from, table.wires[0].samples) == ("two rows", 2)
    assert seen == [(1, 2), (2, 2)]
    with pytest.raises(ContractError):
        network.wires([(np.zeros(8, np.float32),)])
