"""NVIDIA's generations, and what each lets its clocks do."""

from __future__ import annotations

from enum import IntEnum


class Architecture(IntEnum):
    """NVML's numbers. A generation younger than these is told by its number alone."""

    KEPLER = 2
    MAXWELL = 3
    PASCAL = 4
    VOLTA = 5
    TURING = 6
    AMPERE = 7
    ADA = 8
    HOPPER = 9
    BLACKWELL = 10


LOCKS_CORE_FROM = Architecture.VOLTA
"""The first generation with locked graphics clocks; application clocks before."""

LOCKS_MEMORY_FROM = Architecture.AMPERE
"""The first generation with locked memory clocks."""

_UNKNOWN = 0xFFFFFFFF


def architecture_name(number: int | None) -> str:
    """How a person calls a generation."""
    if number is None or number == _UNKNOWN:
        return "unknown"
    known = {int(architecture): architecture.name.capitalize() for architecture in Architecture}
    return known.get(number, f"NVML architecture {number}")


def is_at_least(number: int | None, first: Architecture) -> bool:
    """Whether a generation is `first` or later; one that the driver does not tell counts as late."""
    return number is None or number >= first
