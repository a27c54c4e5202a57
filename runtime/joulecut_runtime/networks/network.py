"""A loaded network: its cut table and every part that it can be run in."""

from __future__ import annotations

from pathlib import Path

from joulecut_core.networks import CutTable, TensorSpec
from joulecut_core.workloads import Workload
from joulecut_runtime.networks.bundle import open_bundle
from joulecut_runtime.networks.cut_table import build_cut_table
from joulecut_runtime.networks.cutting import candidates
from joulecut_runtime.networks.digest import graph_digest
from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.networks.parts import Part, compile_nodes
from joulecut_runtime.networks.shapes import Limits, Tour, walk
from joulecut_runtime.quantised.scales import Scales


class Network:
    """A graph that can be run whole, cut in two at any candidate, or block by block.

    Parts are made when first asked for and kept; all share the graph's weights.
    """

    def __init__(
        self, graph: Graph, *, digest: str | None = None, tour: Tour | None = None, scales: Scales | None = None
    ) -> None:
        """`digest` and `tour` spare computing them again where a bundle was just checked; `scales` came with it."""
        tour = tour or walk(graph)
        cuts = candidates(graph, tour)
        self.graph = graph
        self.scales = scales
        """Of the INT8 variant; None where the bundle has none."""
        self.table: CutTable = build_cut_table(graph, digest or graph_digest(graph), tour, cuts)
        self._layouts = tour.layouts
        self._positions = tuple(cut.position for cut in cuts)
        self._parts: dict[tuple[int, int], Part] = {}

    @classmethod
    def load(cls, folder: Path, *, limits: Limits | None = None, manifest_sha256: str | None = None) -> Network:
        """The network of a bundle, checked. Raises BundleError; see `joulecut_runtime.networks.bundle.open_bundle`."""
        opened = open_bundle(folder, limits=limits, manifest_sha256=manifest_sha256)
        return cls(opened.graph, digest=opened.digest, tour=opened.tour, scales=opened.scales)

    @property
    def whole(self) -> Part:
        """The network in one part."""
        return self._part(0, self.table.last)

    def head(self, cut: int) -> Part:
        """Everything before `cut`. Raises ValueError for cut 0, where nothing is, and unknown cuts."""
        self._check(cut, lowest=1, highest=self.table.last)
        return self._part(0, cut)

    def tail(self, cut: int) -> Part:
        """Everything after `cut`. Raises ValueError for the last cut, where nothing is, and unknown cuts."""
        self._check(cut, lowest=0, highest=self.table.last - 1)
        return self._part(cut, self.table.last)

    def stretch(self, first: int, last: int) -> Part:
        """What lies between two cuts. Raises ValueError for unknown cuts and where nothing lies between them."""
        self._check(first, lowest=0, highest=self.table.last - 1)
        self._check(last, lowest=first + 1, highest=self.table.last)
        return self._part(first, last)

    def steps(self) -> tuple[Part, ...]:
        """One part per block: step k takes the tensors of cut k and gives those of cut k + 1, the last the outputs."""
        return tuple(self._part(cut, cut + 1) for cut in range(self.table.last))

    def _check(self, cut: int, *, lowest: int, highest: int) -> None:
        if not lowest <= cut <= highest:
            raise ValueError(f"cut {cut} of {self.table.network}; expected {lowest} to {highest}")

    def _part(self, first: int, last: int) -> Part:
        part = self._parts.get((first, last))
        if part is None:
            # Two threads may build the same part at once; either serves.
            part = self._parts.setdefault((first, last), self._build(first, last))
        return part

    def _build(self, first: int, last: int) -> Part:
        inputs: tuple[TensorSpec, ...] = self.table.cuts[first].tensors
        outputs = self.table.outputs if last == self.table.last else self.table.cuts[last].tensors
        nodes = self.graph.nodes[self._positions[first] : self._positions[last]]
        return Part(
            name=f"{self.table.network}[{self.table.cuts[first].name} to {self.table.cuts[last].name}]",
            inputs=inputs,
            outputs=outputs,
            workload=Workload(blocks=tuple(block.operations for block in self.table.blocks[first:last])),
            layouts=self._layouts,
            module=compile_nodes(self.graph, nodes, inputs, outputs),
        )
