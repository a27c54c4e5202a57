"""A device's clocks: what its table offers, whether they can be set, and through whom."""

from __future__ import annotations

from collections.abc import Iterator

from joulecut.devices.clock_access import ClockAccess, Setter
from joulecut.devices.clock_tables import table_facts, table_in_words
from joulecut.diagnosis.finding import Area, Fact, Finding, Status
from joulecut_core.clocks import ClockTable
from joulecut_runtime.devices.hardware.probe import Capabilities


def examine_clocks(
    device: str, table: ClockTable, capabilities: Capabilities, access: ClockAccess, *, wanted: bool
) -> Iterator[Finding]:
    """The clock table, and who may set what. `wanted`: somebody counts on this device, so that it must be settable."""
    facts: dict[str, Fact] = {
        "device": device,
        "points": len(table.points),
        "table": table_facts(table),
        "core_settable": capabilities.core_settable,
        "memory_settable": capabilities.memory_settable,
        "settable_by": access.setter.value if capabilities.core_settable else Setter.NOBODY.value,
        "holder": access.holder,
    }
    words = table_in_words(table)
    if not capabilities.core_settable:
        what = f"{words}; this device lets nobody set its clocks: its own governor chooses"
        yield _finding(device, Status.NOTE, what, None, facts)
        return
    memory = "core and memory clock" if capabilities.memory_settable else "core clock only"
    if access.setter is Setter.NOBODY:
        what = f"{words}; {memory} could be set, but not by this user: {access.reason}"
        yield _finding(device, Status.PROBLEM if wanted else Status.NOTE, what, access.remedy, facts)
        return
    if access.reason:
        yield _finding(
            device, Status.WARNING, f"{words}; {memory}, by this user, but {access.reason}", access.remedy, facts
        )
        return
    held = f", held now by {access.holder}" if access.holder else ""
    yield _finding(device, Status.OK, f"{words}; {memory}, set by {access.setter.value}{held}", None, facts)


def _finding(device: str, status: Status, what: str, remedy: str | None, facts: dict[str, Fact]) -> Finding:
    return Finding(area=Area.CLOCKS, name=device, status=status, what=what, remedy=remedy, facts=facts)
