"""Link traces as CSV: `time_s` from 0 on, `bandwidth_bps`. One file for all edges, or a folder of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from joulecut_core.documents import read_text
from joulecut_core.errors import ConfigError
from joulecut_planner.choices.grids import Array
from joulecut_planner.serving.simulation.link_traces import LinkTrace

_COLUMNS = ("time_s", "bandwidth_bps")
_INDEX = "index.csv"


def read_links(path: Path, edges: Sequence[str], payload_bytes: float) -> Callable[[str, Array], Array]:
    """When what an edge sends arrives, by the link traces at `path`.

    The files of a folder, by name, are dealt out to the edges, by name, and start over when there are more edges;
    `index.csv` is no trace. Raises ConfigError naming what is wrong.
    """
    files = sorted(file for file in path.glob("*.csv") if file.name != _INDEX) if path.is_dir() else [path]
    if not files:
        raise ConfigError(f"--link {path}: no CSV files in it; expected link traces with columns {', '.join(_COLUMNS)}")
    links = [read_link(file) for file in files[: max(1, len(edges))]]
    of_edge = {edge: links[index % len(links)] for index, edge in enumerate(sorted(edges))}

    def delivered_s(edge: str, sent_s: Array) -> Array:
        return of_edge.get(edge, links[0]).delivered_s(sent_s, payload_bytes)

    return delivered_s


def read_link(path: Path) -> LinkTrace:
    """One link trace; other columns are passed over. Raises ConfigError naming file and row of what is wrong."""
    reader = csv.reader(io.StringIO(read_text(path, ConfigError).removeprefix("\ufeff"), newline=""), strict=True)
    try:
        rows = [(number, row) for number, row in enumerate(reader, start=1) if row]
    except csv.Error as cause:
        raise ConfigError(f"{path}: not CSV: {cause}") from cause
    columns = [name.strip() for name in rows[0][1]] if rows else []
    missing = [name for name in _COLUMNS if name not in columns]
    if missing:
        raise ConfigError(f"{path}: row 1: no column {missing[0]}; expected {', '.join(_COLUMNS)}")
    places = [columns.index(name) for name in _COLUMNS]
    values = []
    for number, row in rows[1:]:
        try:
            values.append([float(row[place]) for place in places])
        except (ValueError, IndexError) as cause:
            raise ConfigError(f"{path}: row {number}: expected a number in each of {', '.join(_COLUMNS)}") from cause
    table = np.array(values, dtype=np.float64).reshape(-1, len(_COLUMNS))
    try:
        return LinkTrace(time_s=table[:, 0], bandwidth_bps=table[:, 1])
    except ValueError as cause:
        raise ConfigError(f"{path}: {cause}") from cause
