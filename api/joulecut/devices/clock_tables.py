"""Clock tables in short: for each memory clock how many core clocks there are, and between which."""

from __future__ import annotations

from typing import Any

from joulecut_core.clocks import ClockTable


def table_facts(table: ClockTable) -> list[dict[str, Any]]:
    """One object for each memory clock, ascending; `memory_mhz` is None where memory cannot be set."""
    facts = []
    for memory_mhz in table.memory_clocks_mhz:
        cores_mhz = table.core_clocks_mhz(memory_mhz)
        facts.append(
            {
                "memory_mhz": memory_mhz,
                "core_clocks": len(cores_mhz),
                "lowest_core_mhz": cores_mhz[0],
                "highest_core_mhz": cores_mhz[-1],
            }
        )
    return facts


def table_in_words(table: ClockTable) -> str:
    """The same in a phrase: "8 core clocks, 306 to 1020 MHz, at 665.6, 2133 MHz of memory; ..."."""
    memories_mhz: dict[tuple[float, ...], list[float | None]] = {}
    for memory_mhz in table.memory_clocks_mhz:
        memories_mhz.setdefault(table.core_clocks_mhz(memory_mhz), []).append(memory_mhz)
    return "; ".join(_in_words(cores, memories) for cores, memories in memories_mhz.items())


def _in_words(cores_mhz: tuple[float, ...], memories_mhz: list[float | None]) -> str:
    lowest_mhz, highest_mhz = min(cores_mhz), max(cores_mhz)
    span = f"{lowest_mhz:g} to {highest_mhz:g} MHz" if len(cores_mhz) > 1 else f"{highest_mhz:g} MHz"
    count = "1 core clock" if len(cores_mhz) == 1 else f"{len(cores_mhz)} core clocks"
    known = ", ".join(f"{memory_mhz:g}" for memory_mhz in memories_mhz if memory_mhz is not None)
    return f"{count}, {span}" + (f", at {known} MHz of memory" if known else "")
