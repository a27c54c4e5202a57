"""The order of a header's fields on an inference stream, and what is told of them in that order.

A small request spends more time on its headers than on its bytes, and most of that right after a wake-up, when a
processor has yet to get at every line of code. Most of a header is that of the request before it: what is new comes
first, the rest is written and read once and remembered.

    request   id, budget, traceparent   [tensors, their total]   the rest
    reply     id, seconds, joules       [tensors, their total]   the rest

Tensors that are few and raw belong to the rest. Protobuf allows fields in any order: other orders, and whatever is out
of the ordinary, go through the converters, which know how to complain.
"""

from __future__ import annotations

import math

FEW_TENSORS = 4
"""Remembered with the rest; those of more one by one."""

# (field number << 3) | wire type: 0 is a number, 1 a double, 2 a length and bytes.
REQUEST_ID, REQUEST_TENSOR, REQUEST_TOTAL, BUDGET, TRACEPARENT = b"\x1a", b"\x4a", b"\x50", 0x59, b"\x72"
REPLY_ID, REPLY_TENSOR, REPLY_TOTAL = b"\x0a", b"\x2a", b"\x30"
QUEUE, DECODE, TAIL, ENERGY, WAIT = 0x39, 0x41, 0x49, 0x51, 0x69


class OutOfTheOrdinaryError(Exception):
    """The converters are asked."""


def check_finite(value: float) -> None:
    """Raise OutOfTheOrdinaryError where it is not.

    A sum is finite only where all that it is of is; a sum that is too large is out of the ordinary too.
    """
    if not math.isfinite(value):
        raise OutOfTheOrdinaryError
