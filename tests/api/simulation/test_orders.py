"""Options are checked before anything runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from joulecut.simulation.orders import (
    AccuracyFloor,
    LoadKind,
    Loads,
    SimulationOrder,
    TraceOrder,
    parse_floor,
    parse_loads,
    parse_names,
    parse_numbers,
    parse_trace,
)
from joulecut_core.errors import ConfigError
from joulecut_planner.serving.simulation.made_traces import MadeTrace
from tests.planner.serving.tables import gpu_like

TRACE = TraceOrder(file=Path("trace.csv"))


def test_numbers_with_commas() -> None:
    """In their order, each once."""
    assert parse_numbers("--scale", "0.5, 2,0.5") == (0.5, 2.0)


@pytest.mark.parametrize("text", ["", "a", "0.2,,0.5", "0", "-1", "inf", "nan", "0.2;0.5"])
def test_numbers_that_are_none(text: str) -> None:
    """The option and the text are named."""
    with pytest.raises(ConfigError, match="--utilisation"):
        parse_numbers("--utilisation", text)


def test_names_with_commas() -> None:
    """In their order, each once, none of them empty."""
    assert parse_names("--variants", "fp32, int8,fp32") == ("fp32", "int8")
    with pytest.raises(ConfigError, match="--variants 'fp32,,'"):
        parse_names("--variants", "fp32,,")


def test_one_kind_of_load() -> None:
    """Utilisation, rate or scale; none of them replays the trace as it is."""
    assert parse_loads("0.2", None, None) == Loads(kind=LoadKind.UTILISATION, values=(0.2,))
    assert parse_loads(None, None, None) == Loads(kind=LoadKind.AS_RECORDED, values=(1.0,))
    with pytest.raises(ConfigError, match="--utilisation 20,80; expected shares"):
        parse_loads("20,80", None, None)
    with pytest.raises(ConfigError, match="--utilisation and --scale: expected one"):
        parse_loads("0.2", None, "2")


def test_made_up_traces_have_names() -> None:
    """Anything else is a file, also one that is not there."""
    assert parse_trace("bursty")[1] is MadeTrace.BURSTY
    assert parse_trace("./bursty") == (Path("./bursty"), None)


def test_a_link_needs_a_payload() -> None:
    """And a payload a link: one alone delays nothing."""
    with pytest.raises(ConfigError, match="belong together"):
        TraceOrder(file=Path("t.csv"), link=Path("l.csv"))
    with pytest.raises(ConfigError, match="--payload-bytes 0"):
        TraceOrder(file=Path("t.csv"), link=Path("l.csv"), payload_bytes=0.0)


def test_an_accuracy_floor_is_a_number_or_a_share() -> None:
    """A share follows full precision's accuracy; a number beyond it is refused, since nothing could run."""
    exact = replace(gpu_like(), variants=(replace(gpu_like().variants[0], accuracy=0.9),))
    assert parse_floor("99.5%").of(exact) == pytest.approx(0.8955)
    assert parse_floor("0.85").of(exact) == 0.85
    assert AccuracyFloor().of(exact) == pytest.approx(0.8955)
    with pytest.raises(ConfigError, match=r"--accuracy-floor 0.95; expected at most the accuracy of fp32, 0.9"):
        parse_floor("0.95").of(exact)
    for text in ("99.5", "-1", "nan", "a lot", "101%"):
        with pytest.raises(ConfigError, match="--accuracy-floor"):
            parse_floor(text)


def test_rules_out_of_range() -> None:
    """Each is named with its value."""
    with pytest.raises(ConfigError, match="--slo-ms"):
        SimulationOrder(trace=TRACE, policies=("a",), slo_s=0.0)
    with pytest.raises(ConfigError, match="--power-cap-w"):
        SimulationOrder(trace=TRACE, policies=("a",), power_cap_w=-5.0)
    with pytest.raises(ConfigError, match="--switch-ms: -1"):
        SimulationOrder(trace=TRACE, policies=("a",), switch_s=-0.001)
    with pytest.raises(ConfigError, match="--most-waiting 0: room for 0"):
        SimulationOrder(trace=TRACE, policies=("a",), most_waiting=0)
    with pytest.raises(ConfigError, match="--most-per-edge -2: room for -2"):
        SimulationOrder(trace=TRACE, policies=("a",), most_per_edge=-2)
    with pytest.raises(ConfigError, match="--policy"):
        SimulationOrder(trace=TRACE, policies=())
    with pytest.raises(ConfigError, match="--requests 0"):
        TraceOrder(file=Path("t.csv"), requests=0)
