"""What is said about one device: real backends on a made-up library, kernel trees and hosts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from joulecut.devices.clock_access import ClockAccess, Setter
from joulecut.devices.inventory import Sighting, sighting
from joulecut.diagnosis.finding import Area, Finding, Status
from joulecut.diagnosis.hardware import advice, examine_device
from joulecut_core.errors import DeviceError
from joulecut_core.timing import Clock, ManualClock, SystemClock
from joulecut_runtime.devices.hardware.probe import Probe
from joulecut_runtime.devices.nvml.errors import device_error
from tests.fakes.hardware import FakeHardware, FakeProbe
from tests.fakes.host.kernel import FakeHost
from tests.fakes.host.specs import ACPI_CPUFREQ, BIG_LITTLE, VIRTUAL, HostSpec
from tests.fakes.jetson import ALL_BOARDS, BoardSpec, FakeKernel, build
from tests.fakes.nvml import COMPILER, NO_COMPILER, FakeNvml, loaded

OURS = ClockAccess(setter=Setter.THIS_PROCESS)
THEIRS = ClockAccess(setter=Setter.NOBODY, reason="no daemon", remedy="start it")


def told(seen: Sighting, clock: Clock, access: ClockAccess = OURS, *, wanted: bool = True) -> dict[Area, list[Finding]]:
    """The findings by area."""
    found: dict[Area, list[Finding]] = {}
    for finding in examine_device(seen, lambda _: access, clock, wanted=wanted):
        found.setdefault(finding.area, []).append(finding)
    return found


def fake(hardware: FakeHardware, open_probe: Callable[[Clock], Probe] | None = None) -> Sighting:
    """A sighting of hardware in memory."""
    return Sighting(name="fake", kind=None, open_probe=open_probe or (lambda _: FakeProbe(hardware)))


def test_a_device_in_order() -> None:
    """Identity, clocks and meter, and the probe is closed in the end."""
    hardware = FakeHardware(clock=ManualClock(1.0))
    found = told(fake(hardware), hardware.clock)
    assert [finding.status for findings in found.values() for finding in findings] == [Status.OK] * 3
    assert found[Area.DEVICE][0].facts["board"] == "fake:0"
    assert hardware.closed
    assert hardware.held is None


def test_a_device_that_does_not_open() -> None:
    """The backend's own words, and its advice as the remedy; a note where nobody counts on the device."""

    def refuse(_: Clock) -> Probe:
        raise DeviceError("no GPU answers; load the driver (modprobe nvidia)")

    clock = ManualClock()
    for wanted, status in ((True, Status.PROBLEM), (False, Status.NOTE)):
        (finding,) = told(fake(FakeHardware(clock=clock), refuse), clock, wanted=wanted)[Area.DEVICE]
        assert finding.status is status
        assert finding.remedy == "load the driver (modprobe nvidia)"


def test_a_device_that_vanishes_meanwhile() -> None:
    """What was found before is kept."""
    hardware = FakeHardware(clock=ManualClock(1.0))

    def lose(_: str) -> ClockAccess:
        hardware.vanished = True
        return OURS

    found = list(examine_device(fake(hardware), lose, hardware.clock, wanted=False))
    assert [finding.area for finding in found] == [Area.DEVICE, Area.CLOCKS, Area.DEVICE]
    assert found[-1].status is Status.PROBLEM
    assert "fallen off the bus" in found[-1].what


def test_throttling_is_a_warning() -> None:
    """A device that is slowed down right now measures something else than it will run."""
    hardware = FakeHardware(clock=ManualClock(1.0), ceiling_mhz=600.0)
    hardware.held = hardware.table.top
    _, finding = told(fake(hardware), hardware.clock)[Area.DEVICE]
    assert finding.status is Status.WARNING
    assert finding.facts["throttle"] == "power-cap"


def test_a_remedy_with_semicolons_is_told_whole() -> None:
    """What helps most stands first: a missing library is installed, whatever is said of Jetsons behind that."""
    said = advice(str(device_error(12, who="NVML", doing="opening the driver's library")))
    assert said.startswith("install the NVIDIA driver")
    assert "a Jetson is opened as `jetson`" in said


@pytest.mark.parametrize("message", ["it broke", ""])
def test_an_error_without_advice_still_gets_a_remedy(message: str) -> None:
    """Every problem has one."""
    assert advice(message)


@pytest.mark.parametrize("spec", ALL_BOARDS, ids=lambda spec: spec.name)
def test_every_jetson(tmp_path: Path, spec: BoardSpec) -> None:
    """On each tree: model and L4T, a table that can be set, rails sampled with a scope that is not called GPU."""
    tree = build(tmp_path, spec)
    with FakeKernel(tree):
        found = told(sighting("jetson", tree.root), SystemClock())
    device = found[Area.DEVICE][0]
    assert device.facts["backend"] == "jetson"
    assert str(device.facts["driver"]).startswith("L4T ")
    (clocks,) = found[Area.CLOCKS]
    assert clocks.status is Status.OK
    assert clocks.facts["core_settable"] is True
    (meter,) = found[Area.METER]
    assert meter.status in (Status.OK, Status.WARNING)  # a loaded machine samples late, and says so
    assert meter.facts["meter"] == "sampled"
    assert meter.facts["measured_period_s"]
    assert meter.facts["power_scope"] != "GPU"


@pytest.mark.skipif(COMPILER is None, reason=NO_COMPILER)
def test_gpus_of_several_generations(tmp_path: Path) -> None:
    """What each offers, as its driver tells: memory locks from Ampere on, counters from Volta on."""
    fakes = FakeNvml(tmp_path, ["h100", "t4", "p40"], moves_by_hand=True)
    with loaded(fakes):
        h100, t4, p40 = (told(sighting(f"nvml:{index}", tmp_path), fakes.clock) for index in range(3))
    facts = [found[Area.CLOCKS][0].facts for found in (h100, t4, p40)]
    assert [each["memory_settable"] for each in facts] == [True, False, False]
    assert [each["core_settable"] for each in facts] == [True, True, True]
    assert [found[Area.METER][0].facts["meter"] for found in (h100, t4, p40)] == ["counter", "counter", "sampled"]
    assert h100[Area.METER][0].facts["measured_period_s"] == pytest.approx(0.02, rel=0.1)
    assert not fakes.journal


@pytest.mark.skipif(COMPILER is None, reason=NO_COMPILER)
def test_a_gpu_that_is_lost(tmp_path: Path) -> None:
    """Fallen off the bus: a problem that names the GPU and the way back."""
    fakes = FakeNvml(tmp_path, ["t4"], moves_by_hand=True)
    with loaded(fakes):
        fakes.gpu.lose()
        (finding,) = told(sighting("nvml", tmp_path), fakes.clock)[Area.DEVICE]
    assert finding.status is Status.PROBLEM
    assert "reset" in (finding.remedy or "")


@pytest.mark.parametrize(
    ("spec", "settable", "meter"),
    [(ACPI_CPUFREQ, True, "counter"), (BIG_LITTLE, True, "none"), (VIRTUAL, False, "none")],
)
def test_hosts(tmp_path: Path, spec: HostSpec, settable: bool, meter: str) -> None:
    """A host's CPU, whose clocks nobody counts on: notes where they cannot be set."""
    host = FakeHost(tmp_path, spec, clock=SystemClock())
    with host.live():
        found = told(sighting("cpu", host.root), SystemClock(), THEIRS, wanted=False)
    (clocks,) = found[Area.CLOCKS]
    assert clocks.status is Status.NOTE
    assert clocks.facts["core_settable"] is settable
    assert found[Area.METER][0].facts["meter"] == meter


def test_an_emulated_device() -> None:
    """Looked at by the same path, and labelled as what it is."""
    found = told(sighting("emulated:l4"), ManualClock())
    assert found[Area.METER][0].facts["figures"] == "emulated"
    assert found[Area.CLOCKS][0].facts["points"]
