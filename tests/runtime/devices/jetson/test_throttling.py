"""Why a GPU is slow, by evidence."""

from __future__ import annotations

from pathlib import Path

from joulecut_core.devices import ThrottleReason
from joulecut_runtime.devices.jetson.throttling import ThrottleWatch
from tests.fakes.jetson import build
from tests.fakes.jetson.boards import ORIN_NANO_36
from tests.fakes.kernel_files import put

MHZ = 1_000_000


def reasons(watch: ThrottleWatch, now_s: float, current_mhz: int = 612, load: int | None = 950) -> set[ThrottleReason]:
    """What is said of a GPU pinned at 612 MHz."""
    found = watch.reasons(
        now_s=now_s, current_hz=current_mhz * MHZ, low_hz=612 * MHZ, high_hz=612 * MHZ, load_permille=load
    )
    return set(found)


def test_the_fan_is_no_throttling(tmp_path: Path) -> None:
    """It is a cooling device in action, and the GPU is as fast as ever."""
    build(tmp_path, ORIN_NANO_36)
    assert reasons(ThrottleWatch(tmp_path), 1.0) == set()


def test_heat(tmp_path: Path) -> None:
    """The cooling device that slows the GPU is engaged; a clock below its minimum then needs no other reason."""
    tree = build(tmp_path, ORIN_NANO_36)
    watch = ThrottleWatch(tmp_path)
    reasons(watch, 0.0)
    put(tree.cooling / "cur_state", "3")
    assert reasons(watch, 1.0, current_mhz=306) == {ThrottleReason.THERMAL}
    put(tree.cooling / "cur_state", "0")
    assert reasons(watch, 2.0) == set()


def test_over_current_since_the_last_reading(tmp_path: Path) -> None:
    """Events before we looked, and those told already, are no news."""
    tree = build(tmp_path, ORIN_NANO_36)
    put(tree.over_current, "7")
    watch = ThrottleWatch(tmp_path)
    assert reasons(watch, 0.0) == set()
    put(tree.over_current, "8")
    assert reasons(watch, 0.1) == {ThrottleReason.POWER_CAP}
    assert reasons(watch, 0.2) == set()


def test_below_the_minimum_under_load(tmp_path: Path) -> None:
    """Something in the hardware holds the clock down; while it settles, or idles, nothing does."""
    build(tmp_path, ORIN_NANO_36)
    watch = ThrottleWatch(tmp_path)
    assert reasons(watch, 0.0, current_mhz=306) == set()
    assert reasons(watch, 0.04, current_mhz=306) == set()
    assert reasons(watch, 0.06, current_mhz=306) == {ThrottleReason.HARDWARE}
    assert reasons(watch, 0.07, current_mhz=306, load=None) == {ThrottleReason.HARDWARE}
    assert reasons(watch, 0.08, current_mhz=306, load=10) == set()
    assert reasons(watch, 0.09, current_mhz=611) == set()


def test_no_evidence_no_reason(tmp_path: Path) -> None:
    """A container without thermal files."""
    assert reasons(ThrottleWatch(tmp_path), 1.0) == set()
