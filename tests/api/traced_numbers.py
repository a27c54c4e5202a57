"""Whether numbers in a text stand in rows of CSV files, as they are or as per cent, thousandths or millionths."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

_NUMBER = re.compile(r"(?<![\w.^])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?!\w)")
_SCALES = (1.0, 1e2, 1e3, 1e6, 1e-6)


def untraced(text: str, rows: Sequence[Mapping[str, str]]) -> list[str]:
    """The numbers of a text that no field of these rows rounds to."""
    fields = [field for row in rows for field in row.values()]
    known = [float(number) for field in fields for number in _NUMBER.findall(field)]
    return [shown for shown in _NUMBER.findall(text) if not any(_rounds_to(value, shown) for value in known)]


def _rounds_to(value: float, shown: str) -> bool:
    exponent = Decimal(shown).as_tuple().exponent
    half = 0.5000001 * 10.0 ** int(exponent)
    return any(abs(value * scale - float(shown)) <= half for scale in _SCALES)
