"""A reader under test: it takes any bytes, and either refuses them with an error of its own or gives a value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from joulecut_core.errors import JoulecutError
from tests.fuzz.mutation import Reshape

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target(Generic[T]):
    """One reader. `read` gives a value or raises one of `refusals`; whatever else it raises is a crash.

    `write`: the bytes of a value, which must read as an equal value again; None where nothing writes this format.
    `seeds`: valid inputs that mutations start from. `words`: what its grammar is made of. `reshape`: changes an input
    by what its format says of it. `rate`: inputs that it gets for each one that the others get.
    """

    name: str
    read: Callable[[bytes], T]
    seeds: Sequence[bytes]
    write: Callable[[T], bytes] | None = None
    refusals: tuple[type[Exception], ...] = (JoulecutError,)
    words: Sequence[bytes] = ()
    reshape: Reshape | None = None
    rate: float = 1.0

    def feed(self, data: bytes) -> bool:
        """Whether the bytes were accepted; raises where the reader crashed or does not keep what it read."""
        try:
            value = self.read(data)
        except self.refusals as refusal:
            check_complaint(refusal)
            return False
        if self.write is not None:
            again = self.read(self.write(value))
            if again != value:
                raise AssertionError(f"{self.name}: read {value!r}, wrote it and read {again!r}")
        return True


def check_complaint(refusal: Exception) -> None:
    """A refusal says something, on one line's worth of text, whatever it was given."""
    text = str(refusal)
    if not text.strip():
        raise AssertionError(f"{type(refusal).__name__} says nothing")
    if len(text) > _LONGEST_COMPLAINT:
        raise AssertionError(f"{type(refusal).__name__} repeats {len(text)} characters of what it was given")


_LONGEST_COMPLAINT = 4000
