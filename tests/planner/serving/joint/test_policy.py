"""joulecut's policy keeps what it accepts, saves what it can, and gives way when there is too much."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import Launch, QueuedRequest, RejectReason, Rest, ServerView
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.forecast import ArrivalForecast
from joulecut_planner.serving.joint import JoulecutPolicy
from joulecut_planner.serving.joint.value_policy import ValuePolicy
from joulecut_planner.serving.policies import POLICIES, PolicyOptions
from joulecut_planner.serving.simulation.capacity import capacity
from joulecut_planner.serving.simulation.event_loop import Observer, Span, simulate
from tests.planner.serving.joint.arrivals import Told, mixed, poisson, three_lone_s
from tests.planner.serving.joint.solved import DECISIONS, common_table, few_loads
from tests.planner.serving.scripted import Eager
from tests.planner.serving.tables import drawn_table, gpu_like
from tests.thoroughness import THOROUGH

_BATCHES = (1, 2, 4, 8)


class Record(Observer):
    """Keeps the answers' ends, who was turned away, and the spans."""

    def __init__(self) -> None:
        self.answered_s: dict[int, float] = {}
        self.away: dict[int, RejectReason] = {}
        self.spans: list[Span] = []

    def passed(self, span: Span) -> None:
        self.spans.append(span)

    def answered(self, request: QueuedRequest, end_s: float, variant: int) -> None:
        del variant
        assert request.id not in self.answered_s
        self.answered_s[request.id] = end_s

    def turned_away(self, request: QueuedRequest, now_s: float, reason: RejectReason) -> None:
        del now_s
        self.away[request.id] = reason


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2), st.integers(0, 10_000))
def test_what_is_accepted_is_in_time(table_seed: int, seed: int) -> None:
    """On tables without any law, for requests of all kinds: each is answered in time or turned away, once."""
    table = drawn_table(table_seed)
    slo_s = three_lone_s(ServiceCosts(table))
    requests = mixed(seed, slo_s, len(table.units), count=60)
    record = Record()
    with few_loads():
        policy = JoulecutPolicy(table, slo_s=slo_s)
    report = simulate(policy, requests, observer=record, most_waiting=20)
    assert report.late == 0
    assert not record.answered_s.keys() & record.away.keys()
    assert len(record.answered_s) + len(record.away) == len(requests)


def test_energy_is_as_foretold() -> None:
    """Under Poisson arrivals the simulated watts are those that the decisions were chosen by, to some percent."""
    table = common_table()
    slo_s = three_lone_s(ServiceCosts(table))
    rate_hz = 0.35 * capacity(table, slo_s).rate_hz
    policy = ValuePolicy(table, slo_s=slo_s, kept=DECISIONS)
    policy.monitor = Told(ArrivalForecast(rate_hz, 1.0))
    report = simulate(policy, poisson(rate_hz, slo_s, count=6000, seed=1))
    foretold = policy.loads.at(policy.monitor.forecast(0.0), 0)
    rate_of_rung_hz = min(policy.loads.rates_hz, key=lambda each: abs(each / rate_hz - 1.0))
    per_request_j = foretold.cost_w / rate_of_rung_hz
    assert report.energy_per_request_j == pytest.approx(per_request_j, rel=0.1)
    assert report.miss_rate < 0.01


@pytest.mark.parametrize("switch_s", [0.0, 0.01] if THOROUGH else [0.01])
def test_a_quarter_less_than_the_highest_clock(switch_s: float) -> None:
    """Against running all that waits at once at the top, at no more misses."""
    table = common_table(switch_s=switch_s)
    slo_s = three_lone_s(ServiceCosts(table))
    requests = poisson(0.3 * capacity(table, slo_s).rate_hz, slo_s, count=3000, seed=2)
    ours, eager = (
        simulate(policy, requests) for policy in (JoulecutPolicy(table, slo_s=slo_s, kept=DECISIONS), Eager(table))
    )
    assert ours.miss_rate < 0.01
    assert ours.energy_per_request_j < 0.75 * eager.energy_per_request_j


def test_no_threshold_does_better() -> None:
    """Waiting for so many, or until so little time is left, at any one clock: none beats the values by 3 %."""
    table = common_table()
    costs = ServiceCosts(table)
    slo_s = three_lone_s(costs)
    rate_hz = 0.25 * capacity(table, slo_s).rate_hz
    requests = poisson(rate_hz, slo_s, count=3000, seed=3)
    policy = JoulecutPolicy(table, slo_s=slo_s, kept=DECISIONS)
    ours = simulate(policy, requests)
    rivals = [
        simulate(Threshold(table, size, point), requests) for size in (1, 2, 3) for point in range(len(table.points))
    ]
    best_j = min(each.energy_per_request_j for each in rivals if each.miss_rate <= 0.01)
    assert ours.energy_per_request_j < 1.03 * best_j


class Threshold(Eager):
    """Runs when so many wait, or at the last moment, at one clock; rests at the clock of least draw."""

    def __init__(self, table: ServiceTable, size: int, point: int) -> None:
        super().__init__(table, points=(point,) * len(table.units))
        self.costs = ServiceCosts(table)
        self.size = size

    def decide(self, view: ServerView) -> Launch | Rest:
        if not view.waiting:
            return Rest(0)
        point = self.points[0]
        slack_s = view.waiting[0].deadline_s - view.now_s
        count = min(len(view.waiting), self.costs.largest)
        size = max((each for each in range(1, count + 1) if self.costs.time_s(0, each, point) <= slack_s), default=1)
        latest_s = slack_s - self.costs.time_s(0, size, point)
        if count < self.size and latest_s > 1e-9:
            return Rest(0, view.now_s + latest_s)
        return Launch(size, 0, self.points)


def test_a_variant_is_used_where_the_floor_allows() -> None:
    """A faster precision saves energy; one below the floor only in part, the mean of all answers stays above it."""
    table = gpu_like(units=2, points=5, batches=_BATCHES, speed_ups=(1.0, 2.0), accuracies=(0.9, 0.89))
    slo_s = three_lone_s(ServiceCosts(table))
    requests = poisson(0.4 * capacity(table, slo_s).rate_hz, slo_s, count=2000, seed=4)
    with few_loads():
        full, part, any_ = (
            simulate(JoulecutPolicy(table, slo_s=slo_s, accuracy_floor=floor), requests) for floor in (0.9, 0.895, 0.0)
        )
    assert full.mean_accuracy == pytest.approx(0.9)
    assert 0.895 <= part.mean_accuracy < 0.9
    assert any_.energy_per_request_j < part.energy_per_request_j < full.energy_per_request_j
    assert any_.energy_per_request_j < 0.9 * full.energy_per_request_j


def test_credit_is_used_where_changes_of_the_clock_take_time() -> None:
    """A variant far below the floor is used again as soon as a stretch of it pays for a change, and saves energy."""
    table = gpu_like(units=1, points=5, batches=_BATCHES, speed_ups=(1.0, 2.0), accuracies=(1.0, 0.96), switch_s=0.5e-3)
    slo_s = three_lone_s(ServiceCosts(table))
    requests = poisson(0.7 * capacity(table, slo_s).rate_hz, slo_s, count=3000 if THOROUGH else 1500, seed=4)
    with few_loads():
        part, full = (
            simulate(JoulecutPolicy(table, slo_s=slo_s, accuracy_floor=floor), requests) for floor in (0.995, 1.0)
        )
    assert 0.995 <= part.mean_accuracy < 0.9965
    assert part.energy_per_request_j < 0.98 * full.energy_per_request_j
    assert part.miss_rate <= full.miss_rate + 0.002


@pytest.mark.parametrize("switch_s", [0.0, 0.01])
def test_a_burst_is_survived_and_forgotten(switch_s: float) -> None:
    """Many times what can be served: batches stay large, the rest is turned away; two control periods later the
    clock rests where it did before."""
    table = common_table(switch_s=switch_s)
    slo_s = three_lone_s(ServiceCosts(table))
    able = capacity(table, slo_s)
    quiet = poisson(0.05 * able.rate_hz, slo_s, count=200, seed=5)
    start_s = quiet[-1].arrival_s
    burst_s = 40.0 * slo_s
    burst = [
        QueuedRequest(1000 + each.id, start_s + each.arrival_s, start_s + each.deadline_s)
        for each in poisson(5.0 * able.rate_hz, slo_s, count=int(5.0 * able.rate_hz * burst_s), seed=6)
    ]
    policy = JoulecutPolicy(table, slo_s=slo_s, kept=DECISIONS)
    late_s = burst[-1].arrival_s + 4.0 * policy.period_s
    record = Record()
    simulate(policy, [*quiet, *burst, QueuedRequest(9999, late_s, late_s + slo_s)], observer=record)
    served = sum(each.id in record.answered_s for each in burst)
    assert served > 0.6 * able.rate_hz * burst_s
    before = [span.point for span in record.spans if span.end_s < start_s][-1]
    calm = [
        span.point
        for span in record.spans
        if burst[-1].arrival_s + 2.0 * policy.period_s < span.end_s <= late_s and not span.batch
    ]
    assert calm
    assert table.idle_w[calm[-1]] <= table.idle_w[before]


def test_a_lone_request_does_not_wait() -> None:
    """Where next to nobody comes, waiting for company gains nothing: a lone request starts when it arrives."""
    table = common_table()
    slo_s = three_lone_s(ServiceCosts(table))
    policy = ValuePolicy(table, slo_s=slo_s, kept=DECISIONS)
    policy.monitor = Told(ArrivalForecast(1e-6 / slo_s, 1.0))
    request = QueuedRequest(0, 5.0, 5.0 + slo_s)
    assert isinstance(policy.decide(ServerView(5.0, [request], 0, 1)), Launch)


def test_a_hopeless_request_is_told_at_once() -> None:
    """No time even alone: turned away as late at the first decision, with a hint when to come back."""
    table = common_table()
    slo_s = three_lone_s(ServiceCosts(table))
    policy = JoulecutPolicy(table, slo_s=slo_s, kept=DECISIONS)
    decision = policy.decide(ServerView(5.0, [QueuedRequest(7, 5.0, 5.0 + 0.01 * slo_s)], 4, 1))
    assert isinstance(decision, Rest)
    (rejection,) = decision.rejected
    assert rejection.id == 7
    assert rejection.reason is RejectReason.LATE
    assert rejection.retry_after_s > 0.0


def test_a_clock_set_by_others_is_left() -> None:
    """At an operating point that is not worth holding, the first thing is to hold another."""
    table = gpu_like(units=1, points=60, batches=_BATCHES, switch_s=0.002)
    slo_s = three_lone_s(ServiceCosts(table))
    with few_loads():
        policy = ValuePolicy(table, slo_s=slo_s)
    odd = next(point for point in range(60) if point not in policy.loads.ways.states)
    for waiting in ([], [QueuedRequest(1, 5.0, 5.0 + slo_s)]):
        decision = policy.decide(ServerView(5.0, waiting, odd, 1))
        assert isinstance(decision, Rest)
        assert decision.point in policy.loads.ways.states
        assert not decision.rejected


def test_wrong_orders_are_refused() -> None:
    """A service level that is none, and a floor that full precision does not reach."""
    table = common_table()
    for slo_s in (0.0, float("inf")):
        with pytest.raises(ValueError, match="slo_s"):
            JoulecutPolicy(table, slo_s=slo_s, kept=DECISIONS)
    with pytest.raises(ValueError, match="accuracy_floor"):
        JoulecutPolicy(table, slo_s=0.01, accuracy_floor=1.5)


def test_the_same_arrivals_are_served_the_same() -> None:
    """Nothing is random: two policies made alike report alike, to the last bit."""
    table = common_table(switch_s=0.01)
    slo_s = three_lone_s(ServiceCosts(table))
    requests = poisson(0.5 * capacity(table, slo_s).rate_hz, slo_s, count=500, seed=7)
    one, other = (simulate(JoulecutPolicy(table, slo_s=slo_s, kept=DECISIONS), requests) for _ in range(2))
    assert one == other
    assert all(a.arrival_s <= b.arrival_s for a, b in pairwise(requests))


def _ratio(table: ServiceTable, gaps: Sequence[float], load: float, *, counts_idle: bool) -> float:
    """Joules per answer over EALI's, both told whether those at rest count; no more may be missed."""
    slo_s = three_lone_s(ServiceCosts(table))
    rate_hz = load * capacity(table, slo_s).rate_hz
    times_s = [time / rate_hz for time in accumulate(gaps)]
    requests = [QueuedRequest(index, time_s, time_s + slo_s) for index, time_s in enumerate(times_s)]
    ours = simulate(JoulecutPolicy(table, slo_s=slo_s, counts_idle=counts_idle, kept=DECISIONS), requests)
    eali = simulate(POLICIES["eali"](table, PolicyOptions(counts_idle=counts_idle)), requests)
    assert ours.miss_rate <= eali.miss_rate + 0.01
    if counts_idle:
        return ours.energy_per_request_j / eali.energy_per_request_j
    return ours.busy_energy_per_request_j / eali.busy_energy_per_request_j


@pytest.mark.parametrize(
    ("switch_s", "counts_idle"),
    [(0.0, True), (0.001, False), *([(0.0, False), (0.001, True)] if THOROUGH else [])],
)
def test_regular_arrivals_cost_no_more_than_under_a_planned_filling(switch_s: float, counts_idle: bool) -> None:
    """A beat, and gaps that vary by a third, of which the values know less than EALI's rule: it may be put in charge.

    The first control periods, before rehearsals tell, are in the figure.
    """
    table = common_table(switch_s=switch_s)
    gamma = np.random.default_rng(11).gamma(8.0, 1.0 / 8.0, 2500).tolist()
    for load, gaps in ((0.2, [1.0] * 2500), (0.8, gamma)):
        assert _ratio(table, gaps, load, counts_idle=counts_idle) < 1.03


@pytest.mark.parametrize("switch_s", [0.0, 0.01])
def test_no_more_than_a_published_rule(switch_s: float) -> None:
    """Random arrivals, where the share of misses can be kept: per answer no more joules than EALI's, to half a percent.

    Where it cannot, a few percent more for half of EALI's misses.
    """
    table = common_table(switch_s=switch_s)
    for seed in (21, 22) if THOROUGH else (21,):
        rng = np.random.default_rng(seed)
        for load, most in ((0.25, 1.005), (0.5, 1.005), (0.8, 1.06)):
            assert _ratio(table, rng.exponential(1.0, 2000).tolist(), load, counts_idle=True) < most


def test_rehearsals_cost_a_short_run_nothing() -> None:
    """A thousand requests, and changes of the clock of four deadlines: the values lose a few for a change that pays
    back later. Nobody takes over for that before it has, and few are refused."""
    table = common_table(switch_s=0.06)
    slo_s = three_lone_s(ServiceCosts(table))
    for seed in (1, 2) if THOROUGH else (1,):
        requests = poisson(0.05 * capacity(table, slo_s).rate_hz, slo_s, count=1000, seed=seed)
        with few_loads():
            ours, values = (simulate(made(table, slo_s=slo_s), requests) for made in (JoulecutPolicy, ValuePolicy))
        assert ours.requests - ours.answered <= 5
        assert ours.energy_j / ours.duration_s < 1.01 * values.energy_j / values.duration_s


def test_a_beat_is_sustained() -> None:
    """Regular arrivals between two of the loads that decisions are made for: no clock too low for them is held."""
    table = common_table(switch_s=0.01)
    slo_s = three_lone_s(ServiceCosts(table))
    for load in (0.55, 0.66, 0.8) if THOROUGH else (0.66,):
        gap_s = 1.0 / (load * capacity(table, slo_s).rate_hz)
        requests = [QueuedRequest(index, index * gap_s, index * gap_s + slo_s) for index in range(1500)]
        assert simulate(JoulecutPolicy(table, slo_s=slo_s, kept=DECISIONS), requests).miss_rate < 0.01


@pytest.mark.parametrize("switch_s", [0.0004, 0.001] if THOROUGH else [0.001])
def test_nobody_is_turned_away_for_a_change_of_the_clock_that_could_wait(switch_s: float) -> None:
    """Changes between two steps of the decisions' grid: those who can run at the clock held are not let go for one."""
    table = common_table(switch_s=switch_s)
    slo_s = three_lone_s(ServiceCosts(table))
    requests = poisson(0.25 * capacity(table, slo_s).rate_hz, slo_s, count=1500, seed=21)
    assert simulate(ValuePolicy(table, slo_s=slo_s, kept=DECISIONS), requests).miss_rate < 0.015


def test_joules_at_rest_count_where_told() -> None:
    """Told that rest is free, batches take fewer joules than when told that it is not, and the whole hardly more."""
    table = common_table()
    slo_s = three_lone_s(ServiceCosts(table))
    requests = poisson(0.3 * capacity(table, slo_s).rate_hz, slo_s, count=1500, seed=8)
    counted, free = (
        simulate(JoulecutPolicy(table, slo_s=slo_s, counts_idle=idle, kept=DECISIONS), requests)
        for idle in (True, False)
    )
    assert free.busy_energy_per_request_j < counted.busy_energy_per_request_j
    assert counted.energy_per_request_j < 1.002 * free.energy_per_request_j
