"""What callers give public functions: refused by type at the border, where no annotation was checked."""

from __future__ import annotations

import math
import os
from enum import Enum
from numbers import Real
from pathlib import Path
from typing import cast

from joulecut_core.decoding import show
from joulecut_core.errors import ConfigError, JoulecutError


def expect_type(name: str, value: object, kind: type | tuple[type, ...], remedy: str) -> None:
    """Raise TypeError where `value` is not of `kind`; `remedy` says how to come by one that is."""
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        expected = " or ".join(each.__name__ for each in kinds)
        raise TypeError(f"{name}: {show(value)} is of type {type(value).__name__}; expected {expected}: {remedy}")


def expect_member(name: str, value: object, kind: type[Enum]) -> None:
    """Raise TypeError where `value` is no member of `kind`; the word behind one is none."""
    members = " or ".join(f"{kind.__name__}.{member.name}" for member in kind)
    expect_type(name, value, kind, f"{members}, of {kind.__module__}")


def expect_path(name: str, value: object, remedy: str, *, error: type[JoulecutError] = ConfigError) -> Path:
    """The path that `value` is. Raises TypeError where it is none, `error` where no file can be called so."""
    if not isinstance(value, (str, os.PathLike)) or isinstance(os.fspath(value), bytes):
        raise TypeError(f"{name}: {show(value)} is of type {type(value).__name__}; expected a path: {remedy}")
    text = str(os.fspath(value))
    if not text or "\0" in text:
        raise error(f"{name}: {show(text)} is the name of no file; expected a path: {remedy}")
    return Path(text)


_FOR_EVER_S = 1e9
"""gRPC counts nanoseconds in 64 bits: what ends centuries ahead, or never, has ended for it."""


def expect_time_limit(name: str, value: object) -> float:
    """So many seconds to wait at most, as Python's own number, and some decades where they are more, or None.

    One of numpy's 32 bits, added to the time of day, would lose minutes. Raises TypeError for what is no number,
    ConfigError where it leaves no time.
    """
    expect_numbers(**{name: value})
    try:
        seconds = _FOR_EVER_S if value is None else float(cast(float, value))
    except OverflowError:  # a whole number beyond all floats
        seconds = math.inf if cast(float, value) > 0 else -math.inf
    if math.isnan(seconds) or seconds <= 0.0:
        raise ConfigError(f"{name}: {show(value)}; expected seconds above 0")
    return min(seconds, _FOR_EVER_S)


def expect_numbers(**values: object) -> None:
    """Raise TypeError, with the name, where one is neither a number nor None."""
    for name, value in values.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
            raise TypeError(
                f"{name}: {show(value)} is of type {type(value).__name__}; expected a number: write {name}=1.0, "
                "without quotes, in the unit that the name ends in"
            )
