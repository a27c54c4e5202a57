"""A network of the user's own as an application handles it: arrays in, arrays out, and where it can be cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from joulecut.own.arrays import as_torch_takes, expect_arrays, tensors_of
from joulecut.own.progress import Progress, progress_sink
from joulecut_core.argument_types import expect_path, expect_type
from joulecut_core.decoding import show
from joulecut_core.documents import cannot_write
from joulecut_core.errors import BundleError
from joulecut_core.networks import CutTable, TensorSpec
from joulecut_core.wires import WireTable
from joulecut_runtime.capturing.capture import capture as capture_graph
from joulecut_runtime.networks.bundle import write_bundle
from joulecut_runtime.networks.network import Network as RuntimeNetwork
from joulecut_runtime.wires.measurement import lossless_wires, measure_wires

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CutRow:
    """A place where a network can be cut.

    `tensors` cross there, `size_bytes` in all without a codec. `work_share`: the part of the network's
    floating-point operations that lies before, 0 to 1. `name` is a module path ("input", "blocks.3", ..., "output").
    """

    index: int
    name: str
    tensors: tuple[TensorSpec, ...]
    size_bytes: int
    work_share: float


class Network:
    """A captured network. `capture` and `load` make it; it never changes."""

    def __init__(self, network: RuntimeNetwork) -> None:
        self._network = network

    @property
    def runtime(self) -> RuntimeNetwork:
        """The same network with its parts, as agents run it."""
        return self._network

    @property
    def name(self) -> str:
        """What plans, profiles and logs call it."""
        return self._table.network

    @property
    def digest(self) -> str:
        """What identifies graph, weights and inputs: "sha256:" and hexadecimal digits."""
        return self._table.digest

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Name, element type and shape of what it takes, in order."""
        return self._table.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Name, element type and shape of what it gives, in order."""
        return self._table.outputs

    def cuts(self) -> tuple[CutRow, ...]:
        """Every place where it can be cut: cut 0 before everything (all on the server), the last after everything."""
        table = self._table
        total, before, rows = sum(block.flops for block in table.blocks), 0.0, []
        for cut in table.cuts:
            before += table.blocks[cut.index - 1].flops if cut.index else 0.0
            rows.append(
                CutRow(
                    index=cut.index,
                    name=cut.name,
                    tensors=cut.tensors,
                    size_bytes=cut.size_bytes,
                    work_share=before / total if total else 0.0,
                )
            )
        return tuple(rows)

    def run(self, *inputs: npt.ArrayLike) -> tuple[Array, ...]:
        """Its outputs, unsplit, on this host's CPU: what every cut has to give too.

        `torch.autocast` around the call changes nothing. Raises ContractError where the inputs have not the count,
        shapes and element types of `inputs`, or are not in the host's memory, and where numpy lacks an output's element
        type (bfloat16).
        """
        expect_arrays(self.outputs)
        with _as_captured():
            outputs = self._network.whole(tensors_of(inputs, self.inputs))
        return tuple(output.numpy() for output in outputs)

    def wires(
        self,
        samples: Sequence[Sequence[npt.ArrayLike]] = (),
        *,
        samples_from: str = "",
        progress: Progress | None = None,
    ) -> WireTable:
        """What crosses at each cut, in bytes, by codec, and how many answers each codec changes.

        Without `samples` (each one request's inputs, like those that the network will see) only what loses nothing
        is known, and offered to plans. `samples_from` says in words what they are; `progress` is called with
        steps done, steps in all, and what was done. Raises ContractError where a sample does not fit, TypeError for
        what is no list of them.
        """
        expect_type("samples", samples, Sequence, "a list of requests, each a list of its inputs")
        if not samples:
            return lossless_wires(self._table)
        tensors = [tensors_of(sample, self.inputs) for sample in samples]
        words = samples_from or f"{len(tensors)} samples of the application"
        with _as_captured():
            return measure_wires(self._network, tensors, samples_from=words, progress=progress_sink(progress))

    def save(self, folder: str | Path) -> Path:
        """Write its bundle, as `joulecut pack` does: for agents, and for `load`. Returns the folder.

        Raises BundleError where it cannot be written. TypeError for what is no path.
        """
        place = expect_path("folder", folder, "of the bundle to write")
        try:
            write_bundle(self._network.graph, place, scales=self._network.scales)
        except OSError as cause:
            said = f"{place}: the bundle cannot be written: {cause}; name another folder"
            raise cannot_write(said, cause, BundleError) from cause
        return place

    @property
    def _table(self) -> CutTable:
        return self._network.table

    def __repr__(self) -> str:
        takes = ", ".join(map(str, self.inputs))
        return f"<joulecut.Network {self.name!r}: {takes}, {len(self._table.cuts)} cuts>"


def capture(module: nn.Module, *inputs: Tensor | npt.ArrayLike, name: str | None = None, fold: bool = True) -> Network:
    """The network that `module` computes in evaluation mode on inputs of these element types and shapes.

    `inputs`: one example per argument of the module's `forward`, batch dimension included, or all of them in one
    list or tuple; their values do not matter. `name`: the module's class in lower case if left out. `fold` merges
    batch norms into the convolutions before them. The module is left as it was. Needs torch 2.5 or newer.

    Raises CaptureError naming the place in the module and the reason: state that a call changes, a decision that
    depends on tensor values, randomness, an operator outside joulecut's list; and for a `name` with more in it than
    letters, digits, dots, dashes and underscores. TypeError for what is no module and no tensor.
    """
    expect_type("module", module, nn.Module, "give an instance of torch.nn.Module, its weights loaded")
    given = inputs[0] if len(inputs) == 1 and _holds_tensors(inputs[0]) else inputs
    examples = [_example(index, each) for index, each in enumerate(cast("Sequence[Tensor | npt.ArrayLike]", given))]
    graph = capture_graph(module, examples, name=name or type(module).__name__.lower(), fold=fold)
    return Network(RuntimeNetwork(graph))


def _holds_tensors(value: Tensor | npt.ArrayLike) -> bool:
    """Whether it is a list of examples, as torch.export takes them, and not one example as nested lists."""
    return isinstance(value, (list, tuple)) and any(isinstance(each, (Tensor, np.ndarray)) for each in value)


def _example(index: int, value: Tensor | npt.ArrayLike) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if _holds_tensors(value):
        raise TypeError(f"inputs[{index}]: a {type(value).__name__} of tensors; expected one tensor for each argument")
    try:
        return torch.from_numpy(as_torch_takes(value))
    except (TypeError, ValueError) as cause:
        raise TypeError(
            f"inputs[{index}]: {show(value)} is of type {type(value).__name__}; expected a tensor or an array"
        ) from cause


def load(folder: str | Path) -> Network:
    """The network of a bundle that `Network.save` or `joulecut pack` wrote.

    Every file is checked against its digest, and no code is in any. Raises BundleError where something is wrong.
    TypeError for what is no path.
    """
    return Network(RuntimeNetwork.load(expect_path("folder", folder, "of a bundle that joulecut pack wrote")))


def _as_captured() -> torch.autocast:
    """The types of the graph, whatever precision the application has its own code computed in."""
    return torch.autocast("cpu", enabled=False)
