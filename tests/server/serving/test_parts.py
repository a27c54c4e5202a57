"""The scheduler's smaller parts: options, units on a network, tables, clocks, books."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ClockError, ConfigError
from joulecut_core.service_tables import ServiceTable, ServiceVariant
from joulecut_core.timing import ManualClock
from joulecut_planner.serving.joint import JoulecutPolicy
from joulecut_planner.serving.service_file import save_service_table
from joulecut_planner.serving.simulation.capacity import capacity
from joulecut_planner.serving.simulation.event_loop import simulate
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.devices.options import DeviceOptions
from joulecut_runtime.execution.batch_runner import BatchRunner
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_server.served_network import ServedNetwork, ServedNetworks
from joulecut_server.serving.energy_books import EnergyBooks
from joulecut_server.serving.lane import NetworkLane
from joulecut_server.serving.opening import make_scheduler
from joulecut_server.serving.options import ServingOptions
from joulecut_server.serving.policy_clocks import PolicyClocks
from joulecut_server.serving.tables import make_policy, served_table, service_tables, table_of_profile, timed_switch_s
from joulecut_server.serving.unit_map import UnitMap
from tests.integration.tiny_network import tiny_network
from tests.integration.tiny_profiles import server_profile
from tests.planner.serving.joint.arrivals import poisson
from tests.server.serving.stage import DEVICE, NETWORK, renamed, service_table

OPTIONS = ServingOptions(policy="fixed", slo_s=0.1)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda: replace(OPTIONS, slo_s=0.0), r"serving\.slo_s: 0.0"),
        (lambda: replace(OPTIONS, slo_s=float("nan")), r"serving\.slo_s: nan"),
        (lambda: replace(OPTIONS, accuracy_floor=1.1), r"serving\.accuracy_floor: 1.1"),
        (lambda: replace(OPTIONS, miss_share=0.0), r"serving\.miss_share: 0.0; expected more than 0"),
        (lambda: replace(OPTIONS, miss_share=1.0), r"serving\.miss_share: 1.0"),
        (lambda: replace(OPTIONS, waiting=0), r"serving\.waiting: 0"),
        (lambda: replace(OPTIONS, waiting_per_edge=0), r"serving\.waiting_per_edge: 0"),
    ],
)
def test_options_that_serve_nobody_are_refused(change: Callable[[], ServingOptions], complaint: str) -> None:
    """At the start, with the key's name: not as refusals of every request later."""
    with pytest.raises(ConfigError, match=complaint):
        change()


def test_units_lie_between_cuts() -> None:
    """By blocks' names and by cuts' names; a cut inside a unit belongs to that unit."""
    table = service_table()
    assert UnitMap(table, NETWORK).starts == tuple(range(NETWORK.last))
    names = [cut.name for cut in NETWORK.cuts]
    between = f"{names[0]} to {names[2]}", f"{names[2]} to {names[-1]}"
    two = renamed_units(between)
    assert UnitMap(two, NETWORK).starts == (0, 2)
    assert [UnitMap(two, NETWORK).unit_of(cut) for cut in range(NETWORK.last)] == [0, 0] + [1] * (NETWORK.last - 2)
    assert UnitMap(renamed_units(("whatever",)), NETWORK).starts == (0,)


def renamed_units(units: tuple[str, ...]) -> ServiceTable:
    """The table with fewer units."""
    table = service_table()
    (variant,) = table.variants
    count = len(units)
    fewer = replace(
        variant,
        time_s=tuple(batch[:count] for batch in variant.time_s),
        busy_w=tuple(batch[:count] for batch in variant.busy_w),
    )
    return replace(table, units=units, variants=(fewer,))


def test_units_of_another_network_are_refused() -> None:
    """A table of other blocks would price the wrong work."""
    table = service_table()
    for units in (("a", "b", "c", "d")[: len(table.units)], tuple(reversed(table.units))):
        with pytest.raises(ConfigError, match="make the table from the same bundle"):
            UnitMap(renamed(table, units), NETWORK)


def test_a_profile_serves_a_request_at_a_time() -> None:
    """Without a table there is one from the server's own profile: its clocks, its blocks, and no guess at batches."""
    profile = server_profile()
    table = table_of_profile(profile, tiny_network().table, switch_s=0.01)
    assert table.batches == (1,)
    assert len(table.units) == NETWORK.last
    assert UnitMap(table, NETWORK).starts == tuple(range(NETWORK.last))
    top = max(profile.points, key=lambda point: point.requested.core_mhz)
    whole_s = sum(unit[-1] for unit in table.variants[0].time_s[0])
    assert whole_s == pytest.approx(top.whole_s)
    assert table.idle_w[-1] == top.wait_w
    assert table.switch_s == 0.01


def test_what_a_change_of_the_clock_takes_is_timed() -> None:
    """A profile does not tell it; a policy to which changes are free changes the clock within each short request.

    It has two digits, so that what a policy prepared is found again; clocks that nobody can have change for free.
    """
    clock = ManualClock()
    device = open_device("emulated:v100", clock=clock)
    assert timed_switch_s(device, clock=clock) == pytest.approx(0.010)
    with device.lease(device.clock_table.points[0]):
        assert timed_switch_s(device, clock=clock) == 0.0


def test_a_scheduler_without_tables_knows_what_changes_of_the_clock_take(tmp_path: Path) -> None:
    """Its policies plan with the time that this device needs, not with changes that are free."""
    clock = ManualClock()
    device, worker = open_device("emulated:t4", clock=clock), DeviceWorker(clock)
    served = ServedNetwork(folder=tmp_path, runner=BatchRunner(tiny_network(), device), profile=server_profile())
    try:
        scheduler = make_scheduler(
            OPTIONS,
            ServedNetworks((served,)),
            device=device,
            worker=worker,
            clocks=PolicyClocks(device),
            hardware=DeviceOptions(),
        )
    finally:
        worker.close()
        device.close()
    assert [lane.table.switch_s >= 0.010 for lane in scheduler._lanes.values()] == [True]


def test_a_profile_promises_what_the_whole_takes() -> None:
    """An engine that runs the whole at once is quicker than its blocks one by one: nobody is refused for their sum."""
    profile = server_profile()
    (top,) = (point for point in profile.points if point.requested == profile.clock_table[-1])
    apart = replace(top, block_s=tuple(3.0 * block_s for block_s in top.block_s))
    table = table_of_profile(replace(profile, points=(apart,)), tiny_network().table, switch_s=0.0)
    assert sum(unit[0] for unit in table.variants[0].time_s[0]) == pytest.approx(top.whole_s)


def test_the_clock_held_is_told_by_memory_and_core() -> None:
    """A core clock may be held at two memory clocks: a policy that rests where it is must not move the memory."""
    device = open_device("emulated:t4", clock=ManualClock())
    points = tuple(point for point in device.clock_table.points if point.core_mhz in (300.0, 645.0))
    assert len(points) == 4
    table = replace(service_table(), points=points, idle_w=(40.0,) * 4, variants=(_at_four_points(),))
    lane = NetworkLane(BatchRunner(tiny_network(), device), make_policy(OPTIONS, table), OPTIONS)
    assert [lane.held(point) for point in points] == [0, 1, 2, 3]
    assert lane.held(OperatingPoint(core_mhz=630.0, memory_mhz=5001.0)) == 3
    assert lane.held(None) == 3


def _at_four_points() -> ServiceVariant:
    (variant,) = service_table().variants

    def widened(sizes: tuple[tuple[tuple[float, ...], ...], ...]) -> tuple[tuple[tuple[float, ...], ...], ...]:
        return tuple(tuple((*points, points[-1]) for points in units) for units in sizes)

    return replace(variant, time_s=widened(variant.time_s), busy_w=widened(variant.busy_w))


def test_tables_come_from_files(tmp_path: Path) -> None:
    """By network; only the variant that runs here is kept, and clocks must be the device's own."""
    save_service_table(service_table(), tmp_path / "table.json")
    options = replace(OPTIONS, tables=(str(tmp_path / "table.json"),))
    table = service_tables(options)["tiny"]
    runner = BatchRunner(tiny_network(), open_device(DEVICE, clock=ManualClock()))
    (variant,) = table.variants
    two = replace(table, variants=(variant, replace(variant, name="int8")))
    assert [each.name for each in served_table(two, runner, DeviceOptions(), clock=ManualClock()).variants] == ["fp32"]
    wrong = replace(table, points=(OperatingPoint(core_mhz=1.0), *table.points[1:]))
    with pytest.raises(ClockError, match="1 MHz is not on the clock table"):
        served_table(wrong, runner, DeviceOptions(), clock=ManualClock())


@pytest.mark.parametrize("name", ["joulecut", "fixed", "batching-only", "dvfs-only", "batchdvfs", "pit", "eali"])
def test_every_policy_can_be_named(name: str) -> None:
    """What the simulator offers can be served."""
    assert make_policy(replace(OPTIONS, policy=name), service_table()).table == service_table()


def test_the_own_policy_is_made_as_configured() -> None:
    """What counts and what may be missed reach it: it serves as one that was made so, and not as by default."""
    table, slo_s = service_table(), 0.02
    requests = poisson(0.5 * capacity(table, slo_s).rate_hz, slo_s, count=100, seed=1)
    options = replace(OPTIONS, policy="joulecut", slo_s=slo_s)
    saving = simulate(make_policy(replace(options, miss_share=0.2), table), requests)
    busy = simulate(make_policy(replace(options, counts_idle=False), table), requests)
    assert saving == simulate(JoulecutPolicy(table, slo_s=slo_s, miss_share=0.2), requests)
    assert busy == simulate(JoulecutPolicy(table, slo_s=slo_s, counts_idle=False), requests)
    usual = simulate(make_policy(options, table), requests)
    assert usual not in (saving, busy)


@pytest.mark.parametrize("name", ["joulecut", "pit"])
def test_a_floor_is_an_accuracy(name: str) -> None:
    """For every policy the same: one that the reference does not reach is refused at the start."""
    table = service_table()
    table = replace(table, variants=(replace(table.variants[0], accuracy=0.7),))
    make_policy(replace(OPTIONS, policy=name, accuracy_floor=0.7), table)
    with pytest.raises(ConfigError, match=f"{name} cannot serve tiny: accuracy.floor"):
        make_policy(replace(OPTIONS, policy=name, accuracy_floor=0.75), table)


def test_an_unknown_policy_is_refused() -> None:
    """With the names there are."""
    with pytest.raises(ConfigError, match=r"serving\.policy: 'best'; expected one of fixed, .*joulecut"):
        replace(OPTIONS, policy="best")


def test_the_policy_owns_the_clock() -> None:
    """Sessions' wishes change nothing; closing restores the device."""
    device = open_device(DEVICE, clock=ManualClock())
    clocks, points = PolicyClocks(device), device.clock_table.points
    assert clocks.wish("edge", points[-1]) is None
    clocks.hold(points[3])
    assert clocks.leased == clocks.wish("edge", points[-1]) == points[3]
    clocks.wish("edge", None)
    assert device.state().point == points[3]
    clocks.close()
    assert [clocks.leased, clocks.wanted] == [None, None]


def test_clocks_that_somebody_else_holds_do_not_stop_requests(caplog: pytest.LogCaptureFixture) -> None:
    """The governor decides then, and the log says so."""
    device = open_device(DEVICE, clock=ManualClock())
    with device.lease(device.clock_table.top):
        clocks = PolicyClocks(device)
        clocks.hold(device.clock_table.points[0])
        assert clocks.leased is None
    assert "left to its governor" in caplog.text


def test_books_follow_the_counter() -> None:
    """What was drawn between batches is booked once, however late the counter shows it."""
    books = EnergyBooks()
    assert books.close_batch(1.0) is None, "before the first reading nothing is known"
    books.read(100.0)
    books.read(105.0)
    assert books.close_batch(2.0) == pytest.approx(5.0 - 1.0)
    books.read(105.5)
    assert books.close_batch(3.0) == 0.0, "the counter has not seen the last batch yet"
    books.read(120.0)
    assert books.close_batch(1.0) == pytest.approx(20.0 - 1.0 - 2.0 - 3.0 - 4.0)
    books.read(121.0)
    assert books.busy_j + books.wait_j == pytest.approx(21.0)


def test_without_a_counter_nothing_is_shared_out() -> None:
    """Requests then answer for their batches only."""
    books = EnergyBooks()
    books.read(None)
    assert books.close_batch(2.0) is None
    assert (books.busy_j, books.wait_j) == (2.0, 0.0)
