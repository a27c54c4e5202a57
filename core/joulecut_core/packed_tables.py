"""A side's tables as packed doubles, which arrays are made from without a look at every number.

Packing follows the check, which walks over every number anyway; whoever plans finds it done. Tables are
immutable, so what is packed is kept by their identity.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING

from joulecut_core.identity import Same

if TYPE_CHECKING:
    from joulecut_core.problems import SideTables

_KEPT = 32
"""Sides kept packed: both of a handful of problems under planning at once, some megabytes in all."""

_SIGNS = slice(7 if sys.byteorder == "little" else 0, None, 8)
"""The bytes that hold the signs, in their highest bits."""


def packed_tables(tables: SideTables) -> bytes:
    """The checked tables of one side as native doubles: time_s, time_std_s (zeros where there are none), busy_w.

    Row by row, one table behind the other. Packed once.
    """
    return _packed_tables(Same(tables))


def may_be_negative(packed: bytes) -> bool:
    """Whether any of some packed doubles has a sign; -0.0 has one, too."""
    return not packed[_SIGNS].isascii()


@lru_cache(maxsize=_KEPT)
def _packed_tables(key: Same[SideTables]) -> bytes:
    tables, spread = key.value, key.value.time_std_s
    # Several times faster than giving the numbers to an array one by one.
    row = Struct(f"={len(tables.time_s[0])}d")
    no_spread = [bytes(row.size)] * len(tables.time_s)
    return b"".join(
        (
            *(row.pack(*values) for values in tables.time_s),
            *(no_spread if spread is None else (row.pack(*values) for values in spread)),
            *(row.pack(*values) for values in tables.busy_w),
        )
    )
