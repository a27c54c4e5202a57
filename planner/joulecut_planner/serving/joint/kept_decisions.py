"""Decisions kept in files, so that they are solved once for a table and a deadline and not at every start.

A file's name is the digest of everything that its content depends on: the table's figures, the deadline, the variants
and clocks, and the programs that solve. What does not fit, or cannot be read, is solved again. Arrays only: nothing in
a file is executed.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import zipfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import joulecut_planner.serving.costs as costs_module
from joulecut_core.documents import write_bytes
from joulecut_core.service_tables import ServiceTable
from joulecut_planner.serving.joint.decisions import Ladder, LoadDecisions
from joulecut_planner.serving.joint.sweep import Prices

_LOG = logging.getLogger(__name__)

_MOST_FILES = 24
"""Some 5 to 15 MB each; the ones that were made first go."""
_ARRAYS = ("relative", "gains", "switches", "until", "chosen")
_TYPES = (np.float32, np.float32, np.uint8, np.uint8, np.int16)


class KeptDecisions:
    """One file of a folder: the decisions of one table for all loads."""

    def __init__(
        self,
        folder: Path,
        table: ServiceTable,
        deadline_s: float,
        variants: tuple[int, ...],
        states: tuple[int, ...] | None,
    ) -> None:
        figures = [(variant.time_s, variant.busy_w) for variant in table.variants]
        # Numbers in full: the shortest text that gives the same number back.
        content = json.dumps(
            (figures, table.idle_w, table.batches, table.switch_s, table.switch_j, deadline_s, variants, states)
        )
        digest = hashlib.sha256((_programs() + content).encode()).hexdigest()
        self._path = folder / f"decisions-{digest[:32]}.npz"

    def load(self, offered: Sequence[Sequence[Prices]], rungs: int, shapes: Sequence[tuple[int, ...]]) -> list[Ladder]:
        """The ladders, one for each list of prices, with so many rungs; none where there is no such file.

        `shapes` are those of the arrays of a `LoadDecisions`, in its order.
        """
        if not self._path.is_file():
            return []
        count = rungs * sum(map(len, offered))
        try:
            # A file that is no archive is opened and never closed by NumPy.
            with zipfile.ZipFile(self._path), np.load(self._path, allow_pickle=False) as file:
                costs_w, arrays = file["cost_w"], [file[name] for name in _ARRAYS]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            _LOG.warning("%s cannot be read and is made again: %s", self._path, error)
            return []
        fit = all(
            array.shape == (count, *shape) and array.dtype == np.dtype(kind)
            for array, shape, kind in zip(arrays, shapes, _TYPES, strict=True)
        )
        if not fit or costs_w.shape != (count,) or not np.isfinite(costs_w).all():
            _LOG.warning("%s does not hold what was expected and is made again", self._path)
            return []
        return _unpacked(offered, rungs, costs_w, arrays)

    def save(self, ladders: Sequence[Ladder]) -> None:
        """Keep them; where the folder cannot be written to, a warning is all that happens."""
        flat = [decisions for ladder in ladders for rung in ladder for decisions in rung]
        content = io.BytesIO()
        np.savez(
            content,
            cost_w=np.array([each.cost_w for each in flat]),
            relative=np.stack([each.relative for each in flat]),
            gains=np.stack([each.gains for each in flat]),
            switches=np.stack([each.switches for each in flat]),
            until=np.stack([each.until for each in flat]),
            chosen=np.stack([each.chosen for each in flat]),
        )
        try:
            write_bytes(self._path, content.getvalue())
            # Never this one, which on a host without the date, as one that starts in 1970, seems to be the oldest.
            others = [path for path in self._path.parent.glob("decisions-*.npz") if path != self._path]
            for path in sorted(others, key=lambda path: path.stat().st_mtime)[: 1 - _MOST_FILES]:
                path.unlink(missing_ok=True)
        except OSError as error:
            _LOG.warning("decisions cannot be kept in %s: %s", self._path.parent, error)


def _unpacked(
    offered: Sequence[Sequence[Prices]], rungs: int, costs_w: NDArray[np.float64], arrays: Sequence[NDArray[np.generic]]
) -> list[Ladder]:
    ladders: list[Ladder] = []
    index = 0
    for prices in offered:
        ladder: Ladder = []
        for _ in range(rungs):
            rung: list[LoadDecisions] = []
            for each in prices:
                relative, gains, switches, until, chosen = (array[index] for array in arrays)
                rung.append(
                    LoadDecisions(
                        prices=each,
                        cost_w=float(costs_w[index]),
                        relative=relative.astype(np.float32, copy=False),
                        gains=gains.astype(np.float32, copy=False),
                        switches=switches.astype(np.uint8, copy=False),
                        until=until.astype(np.uint8, copy=False),
                        chosen=chosen.astype(np.int16, copy=False),
                    )
                )
                index += 1
            ladder.append(rung)
        ladders.append(ladder)
    return ladders


@lru_cache(maxsize=1)
def _programs() -> str:
    """The digest of the modules that solve: another version of them decides otherwise."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.sha256(Path(costs_module.__file__).read_bytes())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()
