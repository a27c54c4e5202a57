"""A table comes from where the order says, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut.service import tables
from joulecut.simulation.table_choice import TableOrder, choose_table
from joulecut_core.errors import ConfigError
from joulecut_core.service_tables import ServiceTable
from joulecut_planner.serving.service_file import save_service_table
from joulecut_runtime.profiling.progress import ProgressSink, Silence
from tests.api.simulation.made_up import TABLE


def test_a_file_as_it_stands(tmp_path: Path) -> None:
    """The very table, with the file's name."""
    path = tmp_path / "table.json"
    save_service_table(TABLE, path)
    chosen = choose_table(TableOrder(file=path), Silence())
    assert (chosen.table, chosen.source) == (TABLE, f"table: {path}")


def test_a_network_on_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """The maker gets network, device, inputs and the listener."""
    orders: list[tables.ServiceOrder] = []

    def provide(order: tables.ServiceOrder, *, progress: ProgressSink) -> ServiceTable:
        orders.append(order)
        progress.advance(1, 1, "made")
        return TABLE

    monkeypatch.setattr(tables, "provide_service_table", provide)
    chosen = choose_table(TableOrder(network="a:b", device="emulated:t4", inputs=("float32:1x3",)), Silence())
    assert (chosen.table, chosen.source) == (TABLE, "table: a:b measured on emulated:t4")
    assert [(order.network, order.device, order.inputs) for order in orders] == [
        ("a:b", "emulated:t4", ("float32:1x3",))
    ]


def test_one_origin_exactly() -> None:
    """Both, neither or half of one is refused before anything is measured."""
    with pytest.raises(ConfigError, match="stands for itself"):
        TableOrder(file=Path("t.json"), device="cpu")
    for network, device in ((None, None), ("digits", None), (None, "cpu")):
        with pytest.raises(ConfigError, match="both --network and --device"):
            TableOrder(network=network, device=device)
