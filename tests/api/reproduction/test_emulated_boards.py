"""Emulated boards: every operating point executed, the meter's watts, the same again with the same seed."""

from __future__ import annotations

import pytest

from joulecut.reproduction.emulated_boards import BOARDS, execute_boards
from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import DeviceError
from joulecut_core.figures import FigureKind
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.profiling.recorded_network import RecordedNetwork
from tests.runtime.small_network import small_network, small_pictures


def test_every_point_is_executed() -> None:
    """All clocks of all boards are there, labelled emulated; a lower core clock is slower and draws less."""
    (picture,) = small_pictures(1)
    network = RecordedNetwork(small_network(), picture)
    boards = execute_boards(network)
    assert tuple(boards.by_board) == BOARDS
    for name, series in boards.by_board.items():
        table = open_device(f"emulated:{name}", clock=ManualClock()).clock_table
        assert {each.point for each in series.points} == set(table.points)
        assert series.latency_kind is series.energy_kind is FigureKind.EMULATED
        row = series.at_memory(series.memory_clocks_mhz[-1])
        assert row[0].latency_s > row[-1].latency_s
        assert row[0].power_w < row[-1].power_w
        assert boards.watts(name, row[0].point) == row[0].power_w
    assert execute_boards(network) == boards
    with pytest.raises(DeviceError, match="no watts of emulated:tx2 at 1 MHz"):
        boards.watts("tx2", OperatingPoint(core_mhz=1.0))
