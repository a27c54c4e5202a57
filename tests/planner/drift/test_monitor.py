"""All parts of the requests of one plan, watched together."""

from __future__ import annotations

from joulecut_core.clocks import OperatingPoint
from joulecut_planner.drift import (
    Conditions,
    Corrections,
    DriftCause,
    DriftMonitor,
    PointFactor,
    Shift,
    Verdict,
    WatchedPart,
)

EDGE = OperatingPoint(core_mhz=612.0, memory_mhz=2133.0)
SERVER = OperatingPoint(core_mhz=1590.0, memory_mhz=5001.0)
LOW = OperatingPoint(core_mhz=306.0, memory_mhz=2133.0)


def drift(monitor: DriftMonitor, part: WatchedPart, factor: float, conditions: Conditions | None = None) -> Verdict:
    """Requests whose `part` takes `factor` times its prediction, until a shift is judged."""
    for _ in range(100):
        shift = monitor.observe(part, 0.01, 0.01 * factor)
        if shift is not None:
            return monitor.judge(part, shift, conditions)
    raise AssertionError(f"{part.value} at {factor} was never found")


def test_parts_are_watched_apart() -> None:
    """A tail that drifts says nothing about the head; each has a detector of its own."""
    monitor = DriftMonitor()
    for _ in range(60):
        assert monitor.observe(WatchedPart.HEAD, 0.01, 0.01) is None
    assert drift(monitor, WatchedPart.TAIL, 1.5).cause is DriftCause.MODEL_ERROR
    found = monitor.corrections(EDGE, SERVER)
    assert found == Corrections(server=(PointFactor(point=SERVER, factor=found.server[0].factor),))
    assert round(found.server[0].factor, 9) == 1.5


def test_corrections_of_all_parts() -> None:
    """Each part's factor stands in its place, a side's at the point that was asked for."""
    monitor = DriftMonitor()
    factors = {
        WatchedPart.HEAD: 2.0,
        WatchedPart.ENCODE: 0.5,
        WatchedPart.LINK: 4.0,
        WatchedPart.DECODE: 8.0,
        WatchedPart.TAIL: 0.25,
    }
    for part, factor in factors.items():
        drift(monitor, part, factor)
    found = monitor.corrections(EDGE, SERVER)
    assert [each.point for each in (*found.edge, *found.server)] == [EDGE, SERVER]
    assert [round(each.factor, 9) for each in (*found.edge, *found.server)] == [2.0, 0.25]
    assert [round(factor, 9) for factor in (found.encode, found.decode, found.link)] == [0.5, 8.0, 4.0]
    assert monitor.corrections(None, None).edge == ()


def test_a_throttled_part_is_not_refitted() -> None:
    """The tables are right about a clock that is not held: correcting them would be wrong once it is again."""
    monitor = DriftMonitor()
    verdict = drift(monitor, WatchedPart.HEAD, 2.0, Conditions(requested=EDGE, achieved=LOW))
    assert verdict.cause is DriftCause.THROTTLED
    assert monitor.corrections(EDGE, SERVER) == Corrections()
    assert (
        drift(monitor, WatchedPart.HEAD, 1.0, Conditions(requested=EDGE, achieved=EDGE)).cause is DriftCause.RECOVERED
    )
    assert monitor.corrections(EDGE, SERVER) == Corrections()


def test_corrections_follow_live_samples() -> None:
    """After the alarm the factor is the median of all requests since, not the few that raised it."""
    monitor = DriftMonitor()
    drift(monitor, WatchedPart.LINK, 1.5)
    for _ in range(200):
        assert monitor.observe(WatchedPart.LINK, 0.01, 0.0154) is None
    assert round(monitor.corrections(EDGE, SERVER).link, 6) == 1.54


def test_overhead_is_not_watched() -> None:
    """Stages of microseconds and stages that a request did not have are passed over, whatever they took."""
    monitor = DriftMonitor()
    shifts: set[Shift | None] = set()
    for _ in range(100):
        shifts |= {monitor.observe(WatchedPart.ENCODE, 5e-5, 1.0), monitor.observe(WatchedPart.HEAD, 0.01, 0.0)}
    assert shifts == {None}
    assert monitor.corrections(EDGE, SERVER) == Corrections()
