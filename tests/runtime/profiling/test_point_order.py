"""The order of planned points: drawn from the seed, each once, whatever was measured before."""

from __future__ import annotations

from joulecut_core.clocks import OperatingPoint
from joulecut_core.profiles import PointMeasurement
from joulecut_runtime.profiling.point_order import PlannedPoints

POINTS = tuple(OperatingPoint(core_mhz=100.0 * step, memory_mhz=2133.0) for step in range(1, 9))


def measured(point: OperatingPoint) -> PointMeasurement:
    """A measurement of which only the point counts."""
    return PointMeasurement(
        requested=point,
        achieved=POINTS[0],
        runs=1,
        block_s=(1.0,),
        whole_s=1.0,
        whole_std_s=0.0,
        busy_w=1.0,
        wait_w=1.0,
        window_s=1.0,
    )


def order(seed: int, done: tuple[OperatingPoint, ...] = ()) -> list[OperatingPoint]:
    """All points that are asked for."""
    planned, records = PlannedPoints(POINTS, seed=seed), [measured(point) for point in done]
    while (point := planned.next_point(records)) is not None:
        records.append(measured(point))
    return [record.requested for record in records[len(done) :]]


def test_each_point_once_in_an_order_of_the_seed() -> None:
    """All points, shuffled, the same for the same seed."""
    assert sorted(order(0)) == list(POINTS)
    assert order(0) == order(0) != order(1)
    assert order(0) != list(POINTS)


def test_what_was_measured_is_left_out() -> None:
    """The rest keeps its order; a clock is known by what was requested, not by what was reached."""
    everything = order(3)
    assert order(3, done=tuple(everything[:3])) == everything[3:]
    assert order(3, done=tuple(everything[4:6])) == everything[:4] + everything[6:]
