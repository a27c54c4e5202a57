"""Readings as a terminal sees them, and as everybody else does."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from joulecut.devices.readings import Reading
from joulecut.devices.watching import LiveView
from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import DeviceInfo, ThrottleReason
from joulecut_core.figures import FigureKind

INFO = DeviceInfo(
    name="Board",
    backend="fake",
    uid="fake-0",
    driver="1",
    power_scope="module input",
    figures=FigureKind.MEASURED,
    meter_period_s=0.1,
)
READING = Reading(
    elapsed_s=0.0,
    requested=OperatingPoint(core_mhz=1200.0, memory_mhz=2000.0),
    holder="this command",
    achieved=OperatingPoint(core_mhz=900.0, memory_mhz=2000.0),
    power_w=7.25,
    energy_j=0.0,
    temperature_c=61.0,
    throttle=(ThrottleReason.THERMAL,),
)
LATER = replace(
    READING, elapsed_s=1.5, requested=None, holder=None, power_w=None, energy_j=None, temperature_c=None, throttle=()
)


def test_a_pipe_gets_each_reading_as_it_comes(capsys: pytest.CaptureFixture[str]) -> None:
    """Every reading is a line at once, not one table in the end; what a device cannot say is left out of it."""
    with LiveView({"fake": INFO}, as_json=False, console=Console(file=io.StringIO())) as view:
        view.show({"fake": READING})
        assert capsys.readouterr().out == (
            "fake after 0.0 s: runs at 900/2000 MHz, asked for 1200/2000 MHz by this command, 7.25 W, 0.0 J, 61 °C, "
            "throttled by thermal (module input, measured)\n"
        )
        view.show({"fake": LATER})
        assert capsys.readouterr().out == (
            "fake after 1.5 s: runs at 900/2000 MHz, throttled by nothing (module input, measured)\n"
        )
    assert capsys.readouterr().out == ""


def test_a_terminal_gets_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """It is drawn anew with the newest readings; nothing is written beside it."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=200)
    with LiveView({"fake": INFO}, as_json=False, console=console) as view:
        view.show({"fake": READING})
        assert "1200/2000 MHz by this command" in screen.getvalue()
        assert "throttled by" in screen.getvalue()
    assert capsys.readouterr().out == ""
