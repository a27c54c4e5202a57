"""The profiler on emulated devices in virtual time: it must find the device's own laws, and keep them honest."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import torch

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.devices import DeviceInfo, DeviceState, Execution
from joulecut_core.errors import ConfigError, DeviceError
from joulecut_core.figures import FigureKind
from joulecut_core.profiles import Profile, load_profile, save_profile
from joulecut_core.workloads import Workload
from joulecut_runtime.devices.laws import Laws
from joulecut_runtime.profiling.plan import ProfilePlan, span
from joulecut_runtime.profiling.profiler import Side, profile_key
from joulecut_runtime.profiling.recorded_network import RecordedNetwork
from joulecut_runtime.profiling.rehearsal import rehearse_profile
from joulecut_runtime.profiling.run_times import spread, trimmed_mean
from joulecut_runtime.wires.codecs import codec
from tests.runtime.bench import BOARD, INPUTS, QUICK, Bench
from tests.runtime.small_network import Listener, SmallNetwork, SmallPart, small_network


@pytest.fixture(scope="module")
def measured() -> Profile:
    """A profile with the default plan: shared, since nobody can change it."""
    return Bench().profile(plan=ProfilePlan(), governed_rates_hz=(10.0,))


@pytest.fixture(scope="module")
def laws() -> Laws:
    """What the emulated board really does, before noise."""
    return Laws(Bench().file)


def test_blocks_are_the_devices_law(measured: Profile, laws: Laws) -> None:
    """Each block's mean is what the device takes for it, and their sum the whole: within noise of 1 % a run."""
    network = small_network()
    for point in measured.points:
        exact_s = [laws.block_cost(block.operations, point.requested).duration_s for block in network.table.blocks]
        assert point.block_s == pytest.approx(exact_s, rel=0.015)
        assert point.whole_s == pytest.approx(sum(exact_s), rel=0.006)
        assert 0.003 < point.whole_std_s / point.whole_s < 0.02


def test_watts_are_the_devices_law(measured: Profile, laws: Laws) -> None:
    """Busy and waiting draw within 1 %: no idle time in a busy window, no work in an idle one."""
    whole = small_network().whole.workload
    for point in measured.points:
        assert point.busy_w == pytest.approx(laws.power_w(whole, point.requested), rel=0.01)
        assert point.wait_w == pytest.approx(laws.idle_w(point.requested), rel=0.01)
        assert point.window_s >= 10 * 0.02 * 0.99


def test_points_span_the_table(measured: Profile) -> None:
    """Lowest and highest core clock of every memory clock, in the table's order, achieved as requested."""
    table = Bench().clock_table
    requested = [point.requested for point in measured.points]
    assert requested == sorted(requested, key=lambda point: (point.memory_mhz or 0, point.core_mhz))
    for memory_mhz in table.memory_clocks_mhz:
        clocks = table.core_clocks_mhz(memory_mhz)
        assert {clocks[0], clocks[-1]} <= {point.core_mhz for point in requested if point.memory_mhz == memory_mhz}
    assert all(point.achieved.matches(point.requested) for point in measured.points)
    assert measured.clock_table == table.points


def test_edge_measures_heads_server_tails(laws: Laws) -> None:
    """A side measures its own parts, at the lowest and highest core clock of the top memory clock."""
    network = small_network()
    sides: tuple[tuple[Side, Callable[[int], SmallPart]], ...] = (("edge", network.head), ("server", network.tail))
    for side, part in sides:
        parts = Bench().profile(side=side).parts
        assert [(each.cut, each.achieved.core_mhz) for each in parts] == [(1, 306), (1, 612), (2, 306), (2, 612)]
        for each in parts:
            workload = part(each.cut).workload
            exact_s = sum(laws.block_cost(block, each.achieved).duration_s for block in workload.blocks)
            assert each.time_s == pytest.approx(exact_s, rel=0.01)
            assert each.busy_w == pytest.approx(laws.power_w(workload, each.achieved), rel=0.015)


def test_codecs_cost_what_the_host_takes(measured: Profile, laws: Laws) -> None:
    """Each codec of each cut: seconds of its own workload, watts on top of waiting."""
    table = small_network().table
    found = {(each.cut, each.codec): each for each in measured.codecs}
    assert {name for cut, name in found if cut == 0} == {"raw", "jpeg98", "jpeg90"}
    assert {name for cut, name in found if cut == 1} == {"raw", "fp16", "affine8", "affine8c"}
    top = measured.clock_table[-1]
    for (cut, name), each in found.items():
        (block,) = codec(name).encode_workload(table.cuts[cut].tensors).blocks
        cost = laws.block_cost(block, top)
        assert each.time_s == pytest.approx(cost.duration_s, rel=0.015)
        assert each.extra_w == pytest.approx(cost.power_w - laws.idle_w(top), abs=0.1)


def test_codecs_without_joules_per_execution_use_the_meter(laws: Laws) -> None:
    """A device that cannot tell the joules of one execution gets a window of its meter instead."""
    top = Bench().clock_table.top
    extra_w = [each.extra_w for each in _WithoutExecutionEnergy().profile().codecs]
    (block,) = codec("raw").encode_workload(small_network().table.inputs).blocks
    assert extra_w == pytest.approx([laws.block_cost(block, top).power_w - laws.idle_w(top)] * len(extra_w), abs=0.1)


def test_governed_run_shows_the_stock_governor(measured: Profile) -> None:
    """At 10 Hz the board dozes between requests: slower than held at the top, and drawing little."""
    (governed,) = measured.governed
    top = measured.points[-1]
    assert governed.rate_hz == 10.0
    assert top.whole_s < governed.latency_s < 0.1
    assert governed.mean_w < top.busy_w
    bench = Bench()
    before_j = bench.emulated.exact_energy_j
    profile = bench.profile(plan=QUICK, governed_rates_hz=(20.0,))
    assert bench.emulated.exact_energy_j > before_j
    assert profile.governed[0].latency_std_s < 0.05 * profile.governed[0].latency_s


def test_governed_mean_watts_match_the_exact_counter() -> None:
    """The mean draw of evenly spaced requests is that of the emulator's exact joules, within 1 %."""
    bench, network = Bench(), small_network()
    seen: list[tuple[float, float]] = []

    class Spy(Listener):
        def advance(self, done: int, total: int, what: str) -> None:
            super().advance(done, total, what)
            seen.append((bench.clock.now_s(), bench.emulated.exact_energy_j))

    profile = bench.profile(network, governed_rates_hz=(10.0,), progress=Spy())
    # The last two steps are those of held clocks.
    (begin_s, begin_j), (end_s, end_j) = seen[-4:-2]
    assert profile.governed[0].mean_w == pytest.approx((end_j - begin_j) / (end_s - begin_s), rel=0.01)


def test_order_is_random_and_repeatable() -> None:
    """The seed gives the order of clocks; another seed another one; the profile is in the table's order."""
    plan = dataclasses.replace(QUICK, core_clocks=4, most_parts=0)
    orders = []
    for seed in (0, 0, 1):
        bench = Bench()
        bench.profile(plan=dataclasses.replace(plan, seed=seed))
        orders.append(bench.leased)
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2])
    assert orders[0] != sorted(orders[0])


def test_same_seed_same_profile() -> None:
    """In virtual time a profile is repeatable to the last bit, apart from its date."""
    first, second = (dataclasses.replace(Bench().profile(), created="") for _ in range(2))
    assert first == second


def test_clocks_are_free_afterwards() -> None:
    """Every lease is given back, also when a measurement fails."""
    bench = _StuckMeter()
    with pytest.raises(DeviceError, match=r"stood at .* J for 0\.4 s of work; expected a change every 0\.02 s"):
        bench.profile()
    with bench.lease(bench.clock_table.top):
        pass


def test_device_without_a_meter_is_refused() -> None:
    """Watts are never made up: the message says what to do instead."""
    with pytest.raises(DeviceError, match="no energy meter, so its busy and waiting watts cannot be measured"):
        _WithoutMeter().profile()


def test_throttled_clock_is_kept_as_achieved(caplog: pytest.LogCaptureFixture) -> None:
    """Requested and achieved differ where the device throttles, and the log says so."""
    bench = Bench()
    bench.emulated.throttle_to(408.0)
    with caplog.at_level(logging.WARNING):
        top = bench.profile().points[-1]
    assert (top.requested.core_mhz, top.achieved.core_mhz) == (612.0, 408.0)
    assert "ran at 408/2133 MHz instead of 612/2133 MHz (hardware)" in caplog.text


def test_codec_that_cannot_carry_the_tensors_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """An infinity at a cut: no cost of 8 bits there, the rest as ever."""
    network = small_network()
    stem = network.functions[0]
    masked = SmallNetwork(
        table=network.table,
        functions=(lambda tensors: (stem(tensors)[0], torch.full((1, 1), float("inf"))), *network.functions[1:]),
    )
    codecs = Bench().profile(masked).codecs
    assert [each.codec for each in codecs if each.cut == 1] == ["raw", "fp16"]
    assert "affine8c is not offered at cut 1" in caplog.text


def test_profile_round_trips_through_its_file(measured: Profile, tmp_path: Path) -> None:
    """What is measured can be kept and read again, exactly."""
    save_profile(measured, tmp_path / "profile.json")
    assert load_profile(tmp_path / "profile.json") == measured


def test_key_and_labels(measured: Profile) -> None:
    """The profile says what it belongs to and where its figures come from."""
    bench, network = Bench(), small_network()
    assert measured.key == profile_key(network, bench, side="edge")
    assert measured.key.network_digest == "sha256:small"
    assert (measured.key.engine, measured.key.precision, measured.key.batch) == ("eager", "fp32", 1)
    assert measured.figures is FigureKind.EMULATED
    assert measured.cut_names == ("input", "stem", "pool", "output")


def test_progress_counts_to_its_total() -> None:
    """Each step is told once; the last one is the total announced from the start."""
    listener = Listener()
    Bench().profile(governed_rates_hz=(50.0,), progress=listener)
    total = 4 + 2 * 2 + (3 + 4 + 3) + 1 + 2
    assert [told[:2] for told in listener.told] == [(step, total) for step in range(1, total + 1)]


def test_default_plan_is_modest() -> None:
    """The default profile of a small board lasts at most ten emulated seconds: a slow host multiplies them."""
    bench = Bench()
    bench.profile(plan=ProfilePlan())
    assert bench.clock.now_s() <= 10.0


@pytest.mark.parametrize("rate_hz", [0.0, math.inf, math.nan])
def test_rate_must_be_finite_and_positive(rate_hz: float) -> None:
    """A rate of zero would never end, and an endless one has no number of requests."""
    with pytest.raises(ConfigError, match=f"governed rate is {rate_hz} Hz; expected a finite number above 0"):
        Bench().profile(governed_rates_hz=(rate_hz,))


def test_rehearsal_is_the_profile_of_the_device() -> None:
    """Virtual time gives the same profile as running every tensor, without running them."""
    network = small_network()
    rehearsed = rehearse_profile(network, f"emulated:{BOARD}", side="edge", inputs=INPUTS, plan=QUICK)
    assert dataclasses.replace(rehearsed, created="") == dataclasses.replace(Bench().profile(), created="")
    assert network.whole.runs == 0


def test_recorded_network_answers_as_the_network() -> None:
    """Parts of the recording give the tensors and the work of the real parts."""
    network = small_network()
    recorded = RecordedNetwork(network, INPUTS)
    assert torch.equal(recorded.whole(INPUTS)[0], network.whole(INPUTS)[0])
    for cut in (1, 2):
        head = network.head(cut)(INPUTS)
        assert all(map(torch.equal, recorded.head(cut)(INPUTS), head))
        assert torch.equal(recorded.tail(cut)(head)[0], network.tail(cut)(head)[0])
        assert recorded.head(cut).workload == network.head(cut).workload
        assert recorded.tail(cut).workload == network.tail(cut).workload


def test_span_takes_both_ends() -> None:
    """Clocks are spread evenly over the table, ends included."""
    assert span((1, 2, 3), 5) == (1, 2, 3)
    assert span(range(10), 4) == (0, 3, 6, 9)
    assert span(range(10), 2) == (0, 9)
    assert span(range(10), 1) == (9,)
    assert span((), 3) == ()


def test_long_ladders_get_five_clocks() -> None:
    """A data-centre GPU's many clocks are measured at one more place than a Jetson's few."""
    long = ClockTable(points=tuple(OperatingPoint(core_mhz=200.0 + 15 * step) for step in range(110)))
    assert len(ProfilePlan().points(long)) == 5
    assert ProfilePlan().points(long)[-1] == long.top
    assert len(ProfilePlan().points(ClockTable(points=long.points[:16]))) == 4


@pytest.mark.parametrize(("field", "value"), [("core_clocks", 0), ("window_periods", 0), ("warm_up", -1)])
def test_senseless_plans_are_refused(field: str, value: int) -> None:
    """A plan names the field that makes no sense."""
    with pytest.raises(ConfigError, match=f"{field} is {value}"):
        dataclasses.replace(QUICK, **{field: value})


def test_single_runs_are_kept(measured: Profile) -> None:
    """Each point keeps the runs behind its mean and spread, in order, so that a tail can be fitted later."""
    for point in measured.points:
        assert len(point.samples_s) == point.runs
        assert trimmed_mean(point.samples_s) == point.whole_s
        assert spread(point.samples_s) == point.whole_std_s


def test_trimmed_mean_ignores_a_stray_run() -> None:
    """One disturbed run in ten does not move the mean; the spread still shows it."""
    times_s = [1.0] * 9 + [50.0]
    assert trimmed_mean(times_s) == 1.0
    assert spread(times_s) > 10
    assert trimmed_mean([3.0]) == 3.0
    assert spread([3.0]) == 0.0


class _WithoutMeter(Bench):
    @property
    def info(self) -> DeviceInfo:
        return dataclasses.replace(self.emulated.info, meter_period_s=None)


class _StuckMeter(Bench):
    def state(self) -> DeviceState:
        return dataclasses.replace(self.emulated.state(), energy_j=5.0)


class _WithoutExecutionEnergy(Bench):
    @contextmanager
    def _bare(self, workload: Workload) -> Iterator[Execution]:
        with self.emulated.execution(workload) as execution:
            yield _BareExecution(execution)

    def execution(self, workload: Workload) -> AbstractContextManager[Execution]:
        return self._bare(workload)


class _BareExecution:
    energy_j = None

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    def mark(self) -> None:
        self._execution.mark()

    @property
    def elapsed_s(self) -> float:
        return self._execution.elapsed_s

    @property
    def marks_s(self) -> tuple[float, ...]:
        return self._execution.marks_s
