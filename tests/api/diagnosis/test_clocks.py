"""What is said about a device's clocks, by what can be set and by whom."""

from __future__ import annotations

import pytest

from joulecut.devices.clock_access import ClockAccess, Setter
from joulecut.diagnosis.clocks import examine_clocks
from joulecut.diagnosis.finding import Finding, Status
from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_runtime.devices.hardware.probe import Capabilities, MeterKind

T4 = ClockTable(
    points=tuple(
        OperatingPoint(core_mhz=float(core), memory_mhz=float(memory))
        for memory, cores in ((405, (300, 645)), (5001, (300, 645, 1590)))
        for core in cores
    )
)
BOTH = Capabilities(core_settable=True, memory_settable=True, meter=MeterKind.COUNTER)
NONE = Capabilities(core_settable=False, memory_settable=False, meter=MeterKind.NONE)
REFUSED = ClockAccess(setter=Setter.NOBODY, reason="no daemon", remedy="start it")


def told(capabilities: Capabilities, access: ClockAccess, *, wanted: bool = True) -> Finding:
    """The one finding."""
    (finding,) = examine_clocks("gpu", T4, capabilities, access, wanted=wanted)
    return finding


@pytest.mark.parametrize("setter", [Setter.THIS_PROCESS, Setter.CLOCKD])
def test_who_sets_them_is_told(setter: Setter) -> None:
    """Directly and through the daemon are both in order; a holder is named."""
    finding = told(BOTH, ClockAccess(setter=setter, holder="edge-agent (pid 7)"))
    assert finding.status is Status.OK
    assert finding.facts["settable_by"] == setter.value
    assert "edge-agent (pid 7)" in finding.what
    assert "3 core clocks, 300 to 1590 MHz, at 5001 MHz of memory" in finding.what


def test_clocks_that_this_user_may_not_set() -> None:
    """On the device that counts it is a problem with the authority's own remedy, on others a note."""
    finding = told(BOTH, REFUSED)
    assert finding.status is Status.PROBLEM
    assert "no daemon" in finding.what
    assert finding.remedy == "start it"
    assert told(BOTH, REFUSED, wanted=False).status is Status.NOTE


def test_clocks_that_nobody_can_set() -> None:
    """The hardware's limit is no fault, and nobody is said to set them, whatever the privilege."""
    finding = told(NONE, ClockAccess(setter=Setter.THIS_PROCESS))
    assert finding.status is Status.NOTE
    assert finding.facts["settable_by"] == "nobody"


def test_clocks_that_the_driver_may_refuse() -> None:
    """Root in a container looks able to set them: a warning with the way out, before the first lease fails."""
    finding = told(BOTH, ClockAccess(setter=Setter.THIS_PROCESS, reason="it has no CAP_SYS_ADMIN", remedy="add it"))
    assert finding.status is Status.WARNING
    assert "CAP_SYS_ADMIN" in finding.what
    assert finding.remedy == "add it"
