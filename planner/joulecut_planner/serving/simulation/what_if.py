"""A service table as it would be under an assumption. What is assumed is labelled as estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from joulecut_core.errors import ConfigError
from joulecut_core.figures import FigureKind
from joulecut_core.service_tables import ServiceTable, UnitTable

_INT8 = "int8"


def with_speed_up(table: ServiceTable, factor: float) -> ServiceTable:
    """The table with INT8 variants that take 1/`factor` of full precision's time everywhere, at their own watts.

    A variant is INT8 by its name. Raises ConfigError where there is none.
    """
    if not any(_is_int8(variant.name) for variant in table.variants):
        raise ConfigError(
            f"an INT8 speed-up of {factor:g}, but the service table has no INT8 variant; "
            f"it has {', '.join(variant.name for variant in table.variants)}"
        )
    reference = table.variants[0].time_s
    faster = tuple(tuple(tuple(time_s / factor for time_s in unit) for unit in batch) for batch in reference)
    return replace(
        table,
        variants=tuple(
            replace(variant, time_s=faster, figures=FigureKind.ESTIMATED) if _is_int8(variant.name) else variant
            for variant in table.variants
        ),
    )


def capped(table: ServiceTable, power_cap_w: float) -> ServiceTable:
    """The table without the operating points at which any batch of any variant draws more than the cap.

    Raises ConfigError where none is left.
    """
    highest_w = [
        max(unit[point] for variant in table.variants for batch in variant.busy_w for unit in batch)
        for point in range(len(table.points))
    ]
    kept = [point for point, watts in enumerate(highest_w) if watts <= power_cap_w]
    if not kept:
        raise ConfigError(
            f"a power cap of {power_cap_w:g} W, but {table.device} draws up to {min(highest_w):g} W at its most frugal "
            "operating point; expected at least that"
        )

    def of_kept(unit_table: UnitTable) -> UnitTable:
        return tuple(tuple(tuple(unit[point] for point in kept) for unit in batch) for batch in unit_table)

    return replace(
        table,
        points=tuple(table.points[point] for point in kept),
        idle_w=tuple(table.idle_w[point] for point in kept),
        variants=tuple(
            replace(variant, time_s=of_kept(variant.time_s), busy_w=of_kept(variant.busy_w))
            for variant in table.variants
        ),
    )


def with_variants(table: ServiceTable, names: Sequence[str]) -> ServiceTable:
    """The table with the variants of these names only; the first stays the reference.

    Raises ConfigError for a name it does not have, or where full precision is not among them.
    """
    known = [variant.name for variant in table.variants]
    unknown = [name for name in names if name not in known]
    if unknown or known[0] not in names:
        raise ConfigError(
            f"variants {', '.join(names)}; expected {known[0]}, the reference, and of the others any of "
            f"{', '.join(known[1:]) or 'none'}"
        )
    return replace(table, variants=tuple(variant for variant in table.variants if variant.name in names))


def _is_int8(name: str) -> bool:
    return _INT8 in name.lower()
