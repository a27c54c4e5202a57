"""The operating points that are measured before anything can be predicted."""

from __future__ import annotations

from joulecut_core.clocks import ClockTable, OperatingPoint


def starting_points(table: ClockTable) -> tuple[OperatingPoint, ...]:
    """Three points: both ends of the core clocks at the top memory clock, the middle one at the lowest memory clock.

    Three core clocks are the fewest that a fit takes, and two memory clocks say at once whether memory matters: the
    fits share one shape over all memory clocks. Fewer points only where the table has no more.
    """
    memory_clocks = table.memory_clocks_mhz
    ladder = table.core_clocks_mhz(memory_clocks[-1])
    chosen = [OperatingPoint(core_mhz=core_mhz, memory_mhz=memory_clocks[-1]) for core_mhz in (ladder[-1], ladder[0])]
    # A lowest memory clock may allow low core clocks only: the middle is then of what it allows.
    lowest = table.core_clocks_mhz(memory_clocks[0])
    between = [core_mhz for core_mhz in lowest if core_mhz not in (ladder[0], ladder[-1])] or list(lowest)
    chosen.append(OperatingPoint(core_mhz=between[len(between) // 2], memory_mhz=memory_clocks[0]))
    return tuple(dict.fromkeys(chosen))
