"""What callers give public functions: refused by type at the border, where no annotation was checked."""

from __future__ import annotations

from numbers import Real

from joulecut_core.decoding import show


def expect_type(name: str, value: object, kind: type | tuple[type, ...], remedy: str) -> None:
    """Raise TypeError where `value` is not of `kind`; `remedy` says how to come by one that is."""
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        expected = " or ".join(each.__name__ for each in kinds)
        raise TypeError(f"{name}: {show(value)} is of type {type(value).__name__}; expected {expected}: {remedy}")


def expect_numbers(**values: object) -> None:
    """Raise TypeError, with the name, where one is neither a number nor None."""
    for name, value in values.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
            raise TypeError(
                f"{name}: {show(value)} is of type {type(value).__name__}; expected a number: write {name}=1.0, "
                "without quotes, in the unit that the name ends in"
            )
