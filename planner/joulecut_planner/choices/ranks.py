"""Choices as whole numbers that sort in the contract's order of (c, w, v, i, j)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulecut_core.problems import Problem
from joulecut_planner.choices.grids import Indices
from joulecut_planner.choices.pricing import Choice


@dataclass(frozen=True, slots=True)
class Ranks:
    """The numbering of one problem's choices. A server point of -1 stands for none."""

    wires: int
    variants: int
    edge_points: int
    server_points: int

    @classmethod
    def of(cls, problem: Problem) -> Ranks:
        """The numbering of `problem`'s choices."""
        return cls(
            max(len(cut.wires) for cut in problem.cuts),
            len(problem.variants),
            len(problem.edge.points),
            len(problem.server.points),
        )

    def rank(
        self,
        cut: Indices | int,
        wire: Indices | int,
        variant: Indices | int,
        edge_point: Indices,
        server_point: Indices | int,
    ) -> Indices:
        """The numbers of choices; the arguments broadcast."""
        of_group = (cut * self.wires + wire) * self.variants + variant
        return (of_group * self.edge_points + edge_point) * (self.server_points + 1) + server_point + 1

    def choices(self, rank: Indices) -> list[Choice]:
        """The choices behind numbers of shape (choices,)."""
        rest, server_point = np.divmod(rank, self.server_points + 1)
        rest, edge_point = np.divmod(rest, self.edge_points)
        rest, variant = np.divmod(rest, self.variants)
        cut, wire = np.divmod(rest, self.wires)
        columns = (column.tolist() for column in (cut, wire, variant, edge_point, server_point))
        return [
            Choice(cut=c, wire=w, variant=v, edge_point=i, server_point=j - 1 if j else None)
            for c, w, v, i, j in zip(*columns, strict=True)
        ]
