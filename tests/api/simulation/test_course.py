"""An order becomes runs whose numbers are those of the simulated server."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from joulecut.simulation.orders import LoadKind, Loads, TraceOrder
from joulecut.simulation.output import document
from joulecut.simulation.rows import runs_by_load
from joulecut_core.errors import ConfigError
from joulecut_core.figures import FigureKind
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.simulation.made_traces import MadeTrace
from joulecut_planner.serving.simulation.recording import MOST_STEPS
from tests.api.simulation.made_up import NAMES, TABLE, simulated, trace_file

COSTS = ServiceCosts(TABLE)
POISSON = TraceOrder(made=MadeTrace.POISSON, requests=300)
SHARES = Loads(kind=LoadKind.UTILISATION, values=(0.2, 0.6))


class Heard:
    """What a listener was told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []

    def advance(self, done: int, total: int, what: str) -> None:
        del what
        self.told.append((done, total))


def test_two_requests_by_hand(tmp_path: Path) -> None:
    """Far apart, each alone: its own seconds, joules of two batches, idle between at the top clock."""
    result = simulated(TraceOrder(file=trace_file(tmp_path, "7", "8")), policies=("eager",))
    (run,) = result.runs
    time_s, energy_j = COSTS.time_s(0, 1, 2), COSTS.energy_j(0, 1, 2)
    assert (run.row.requests, run.row.on_time, run.row.late, run.row.rejected) == (2, 2, 0, 0)
    assert run.row.busy_j == pytest.approx(2 * energy_j)
    assert run.row.idle_j == pytest.approx(TABLE.idle_w[2] * (1.0 - time_s))
    assert run.row.energy_per_request_j == pytest.approx(energy_j + TABLE.idle_w[2] * (1.0 - time_s) / 2)
    assert run.row.busy_energy_per_request_j == pytest.approx(energy_j)
    assert (run.row.p50_s, run.row.p99_s) == pytest.approx((time_s, time_s))
    assert result.slo_s == pytest.approx(3.0 * time_s)
    assert run.answers_by_variant == {"fp32": 2, "int8": 0}


def test_every_policy_under_every_load() -> None:
    """The rate is the asked share of the capacity; time, energy and requests add up in every row."""
    result = simulated(POISSON, loads=SHARES)
    assert [row.policy for row in result.rows] == [*NAMES, *NAMES]
    assert [row.utilisation for row in result.rows] == pytest.approx([0.2, 0.2, 0.6, 0.6])
    assert [len(runs) for runs in runs_by_load(result).values()] == [2, 2]
    for row in result.rows:
        assert row.rate_hz == pytest.approx((row.utilisation or 0.0) * result.capacity.rate_hz)
        assert row.requests == 300 == row.on_time + row.late + row.rejected
        assert row.energy_j == pytest.approx(row.busy_j + row.idle_j + row.switching_j)
        assert row.duration_s == pytest.approx(row.busy_s + row.idle_s + row.switching_s)
        assert row.decisions > 0


def test_a_load_stands_in_its_rows_as_it_was_asked_for() -> None:
    """Whoever asked for 0.1 finds rows with a utilisation of 0.1, not with what rounding makes of it."""
    asked = tuple(n / 20 for n in range(1, 20))
    shares = simulated(POISSON, policies=("eager",), loads=Loads(kind=LoadKind.UTILISATION, values=asked))
    assert tuple(row.utilisation for row in shares.rows) == asked
    asked = tuple(map(float, range(1, 20)))
    rates = simulated(POISSON, policies=("eager",), loads=Loads(kind=LoadKind.RATE, values=asked))
    assert tuple(row.rate_hz for row in rates.rows) == asked


def test_the_same_order_gives_the_same_numbers() -> None:
    """Virtual time knows no chance; only host seconds differ."""
    host = {"decision_p50_s": None, "decision_p99_s": None, "decision_max_s": None, "host_s": 0.0}
    one, other = (
        [replace(row, **host) for row in simulated(POISSON, loads=SHARES, seed=3).rows]  # type: ignore[arg-type]
        for _ in range(2)
    )
    assert one == other


def test_an_assumed_speed_up_is_swept_and_labelled() -> None:
    """Each assumption is a load of its own; policies that use INT8 are quicker under the larger one."""
    result = simulated(POISSON, int8_speed_ups=(1.0, 4.0), loads=Loads(kind=LoadKind.RATE, values=(50.0,)))
    assert [row.int8_speed_up for row in result.rows] == [1.0, 1.0, 4.0, 4.0]
    drawn = [row for row in result.rows if row.policy == "drawn"]
    assert drawn[1].busy_s < drawn[0].busy_s
    assert "INT8 assumed 4 times as fast" in [load.text for load in runs_by_load(result)][1]
    assert {variant.figures for variant in TABLE.variants} == {FigureKind.ESTIMATED}


def test_links_delay_requests_but_not_deadlines(tmp_path: Path) -> None:
    """A transfer of one deadline's length makes every answer late, though the server answers at once."""
    link = tmp_path / "link.csv"
    link.write_text("time_s,bandwidth_bps\n0,8000\n1,8000\n", encoding="utf-8")
    trace = TraceOrder(file=trace_file(tmp_path, "0", "1"), link=link, payload_bytes=100.0)
    late = simulated(trace, policies=("eager",), slo_s=0.1)
    assert late.rows[0].late == 2
    assert late.rows[0].p50_s == pytest.approx(COSTS.time_s(0, 1, 2))
    assert simulated(trace, policies=("eager",), slo_s=0.2).rows[0].late == 0


def test_the_listener_hears_of_all_requests() -> None:
    """Progress rises to the number of requests of all runs."""
    heard = Heard()
    simulated(replace(POISSON, requests=5000), loads=SHARES, progress=heard)
    assert heard.told == sorted(heard.told)
    assert {total for _, total in heard.told} == {20_000}


@pytest.mark.parametrize(
    ("networks", "wanted", "requests", "remark"),
    [
        (("digits", "other", "digits"), None, 2, "left out 1 requests of other networks"),
        (("digits", "other", "digits"), "other", 1, "the 1 requests of network 'other', of 3"),
        (("digits", "other", "digits"), "*", 3, None),
        (("other", "other", "other"), None, 3, "is taken for 'digits'"),
    ],
)
def test_whose_requests_are_taken(
    tmp_path: Path, networks: tuple[str, ...], wanted: str | None, requests: int, remark: str | None
) -> None:
    """Those of the table's network, of a named one, or of all; what is left out is said."""
    file = trace_file(tmp_path, *(f"{n},{name}" for n, name in enumerate(networks)), header="time_s,network")
    result = simulated(TraceOrder(file=file, network=wanted), policies=("eager",))
    assert result.rows[0].requests == requests
    assert any(remark in each for each in result.remarks) if remark else not result.remarks


def test_networks_that_the_table_is_not_of_are_refused(tmp_path: Path) -> None:
    """With their names, and how to go on."""
    file = trace_file(tmp_path, "0,a", "1,b", header="time_s,network")
    with pytest.raises(ConfigError, match=r"'a' \(1\), 'b' \(1\), none of 'digits'.*--trace-network"):
        simulated(TraceOrder(file=file))
    with pytest.raises(ConfigError, match="no requests of network 'c'"):
        simulated(TraceOrder(file=file, network="c"))


def test_an_entry_beyond_the_units_is_refused(tmp_path: Path) -> None:
    """A trace of another table's units: with the row of the file, others' requests and empty lines counted."""
    rows = ("0,0,a", "1,9,b", "", "2,1,a", "3,2,a")
    file = trace_file(tmp_path, *rows, header="time_s,entry,network")
    with pytest.raises(ConfigError, match="row 6: entry: 2; expected a unit of the service table, 0 to 1"):
        simulated(TraceOrder(file=file, network="a"))
    assert simulated(TraceOrder(file=file, network="a", requests=2)).trace.requests == 2


def test_times_beyond_numbers_are_refused() -> None:
    """By the option's name."""
    with pytest.raises(ConfigError, match="--scale 1e-308: a time is negative or not finite"):
        simulated(POISSON, loads=Loads(kind=LoadKind.SCALE, values=(1e-308,)))


def test_a_made_up_trace_has_no_networks() -> None:
    """An option that would do nothing is refused."""
    with pytest.raises(ConfigError, match="--trace-network q: a made-up trace has no networks"):
        simulated(TraceOrder(made=MadeTrace.POISSON, requests=20, network="q"))


@pytest.mark.parametrize("last_s", [1e-320, 1e-9, 1e-6])
def test_a_trace_that_spans_next_to_no_time_is_simulated(tmp_path: Path, last_s: float) -> None:
    """Steps are a part of what the run takes, not of the moment in which its requests are sent."""
    result = simulated(TraceOrder(file=trace_file(tmp_path, "0", f"{last_s!r}")))
    assert all(len(run.timeline) <= MOST_STEPS for run in result.runs)
    assert sum(step.arrivals for step in result.runs[0].timeline) == 2


def test_one_request_has_no_utilisation(tmp_path: Path) -> None:
    """It is simulated as it is, with nothing made up for its rate; a utilisation cannot be asked for."""
    trace = TraceOrder(file=trace_file(tmp_path, "5"))
    result = simulated(trace, policies=("eager",))
    assert (result.rows[0].requests, result.rows[0].utilisation) == (1, None)
    assert json.loads(json.dumps(document(result), allow_nan=False))["trace"]["rate_hz"] is None
    with pytest.raises(ConfigError, match="cannot be given a utilisation"):
        simulated(trace, loads=SHARES)


def test_the_first_requests_of_a_file(tmp_path: Path) -> None:
    """As many as asked for, and that it is said."""
    result = simulated(TraceOrder(file=trace_file(tmp_path, "0", "1", "2"), requests=2), policies=("eager",))
    assert result.rows[0].requests == 2
    assert any("the first 2 of 3" in remark for remark in result.remarks)


def test_a_deadline_below_two_batches_is_said() -> None:
    """Then utilisation does not promise what it promises otherwise."""
    result = simulated(POISSON, policies=("eager",), slo_s=COSTS.time_s(0, 1, 2))
    assert any("does not hold two batches" in remark for remark in result.remarks)


def test_a_power_cap_holds_for_every_policy() -> None:
    """No policy runs where the device could draw more, and that clocks were left out is said."""
    cap_w = 0.5 * sum(TABLE.variants[0].busy_w[0][0][point] for point in (1, 2))
    result = simulated(POISSON, power_cap_w=cap_w)
    assert max(step.power_w for run in result.runs for step in run.timeline) <= cap_w
    assert any("1 of 3 operating points left out" in remark for remark in result.remarks)
    assert result.capacity.rate_hz < simulated(POISSON).capacity.rate_hz


def test_variants_can_be_left_out() -> None:
    """For comparisons at equal variants; INT8 is then no variant that a speed-up could be assumed of."""
    result = simulated(POISSON, variants=("fp32",))
    assert all(run.answers_by_variant.keys() == {"fp32"} for run in result.runs)
    with pytest.raises(ConfigError, match="no INT8 variant"):
        simulated(POISSON, variants=("fp32",), int8_speed_ups=(2.0,))


def test_changes_of_the_clock_can_be_assumed() -> None:
    """Each then takes as long as assumed, and the page says so."""
    result = simulated(POISSON, policies=("drawn",), switch_s=0.002)
    row = result.rows[0]
    assert row.clock_changes > 0
    assert row.switching_s == pytest.approx(0.002 * row.clock_changes)
    assert any("2 ms assumed, 0 in the table" in remark for remark in result.remarks)
