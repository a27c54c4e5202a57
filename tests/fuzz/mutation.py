"""Mutations of valid inputs, drawn from a seed: bytes, numbers in texts, and whole branches of JSON documents."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

LONGEST_BYTES = 1 << 16
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_EXTREMES = (
    *(b"0", b"-0.0", b"-1", b"1", b"2", b"255", b"256", b"65536", b"2147483648", b"4294967296", b"9223372036854775808"),
    *(b"18446744073709551616", b"1e-320", b"1e308", b"1e309", b"-1e309", b"NaN", b"Infinity", b"1" * 400, b"0.1e-5"),
)
_CHARACTERS = (
    *(b"\x00", b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xef\xbb\xbf", "\u2028".encode(), "\U0001f600".encode()),
    *(
        b"\r",
        b"\n",
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"=",
        b"#",
        b"'",
        b"%s",
        b"${x}",
        b"../",
        b"\x1b[",
    ),
    *(b"[" * 3000, b"a." * 3000, b"0x" + b"f" * 5000),
)
_SCALARS: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**400, 0.0, -0.0, 1e-320, 1e308, float("nan"), float("inf")),
    *("", "x", "\0", "\ud800", "a" * 3000, "1", "NaN", "none", "raw", [], {}, [[]], [None], {"": 0}, {"x": {}}),
)

Mutation = Callable[["Mutator", bytearray], None]
Reshape = Callable[[random.Random, bytes], bytes]
"""Changes an input by what its format says of it."""


class Mutator:
    """Draws inputs from seeds; the same number gives the same inputs."""

    def __init__(
        self, seed: int, seeds: Sequence[bytes], words: Sequence[bytes] = (), reshape: Reshape | None = None
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311 - nothing here is secret
        self._seeds = tuple(seeds) or (b"",)
        self._words = (*words, *_EXTREMES, *_CHARACTERS)
        self._reshape = reshape
        self._documents = tuple(_parsed(seed) for seed in self._seeds)

    def draw(self) -> bytes:
        """One input: a seed, a few times changed; now and then noise."""
        drawn = self._random.random()
        if drawn < 0.02:
            return self._random.randbytes(self._random.randrange(200))
        which = self._random.randrange(len(self._seeds))
        if self._reshape is not None and drawn < 0.6:
            return self._reshape(self._random, self._seeds[which])
        document = self._documents[which]
        if document is not None and drawn < 0.6:
            return self._edited(document)
        data = bytearray(self._seeds[which])
        for _ in range(self._random.choice((1, 1, 2, 3, 8))):
            self._random.choice(_MUTATIONS)(self, data)
        return bytes(data[:LONGEST_BYTES])

    def _edited(self, document: Any) -> bytes:
        edited = json.loads(json.dumps(document))
        for _ in range(self._random.choice((1, 1, 1, 2, 4))):
            edited = self._edit(edited, depth=0)
        return json.dumps(edited, ensure_ascii=self._random.random() < 0.5).encode("utf-8", "surrogatepass")

    def _edit(self, value: Any, depth: int) -> Any:
        """The document with one branch changed."""
        inner = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
        if not inner or self._random.random() < 0.12:
            return self._replacement(value)
        key = self._random.choice(inner)
        if self._random.random() < 0.7 and depth < 20:
            value[key] = self._edit(value[key], depth + 1)
            return value
        return self._rearranged(value, key)

    def _rearranged(self, value: Any, key: Any) -> Any:
        change = self._random.randrange(4)
        if change == 0:
            del value[key]
        elif change == 1 and isinstance(value, list):
            value.insert(key, value[self._random.randrange(len(value))])
        elif change == 1:
            value[f"{key}{self._random.choice(('', '_', ' ', 's'))}"] = value[key]
        elif change == 2:
            other = self._random.choice(list(value) if isinstance(value, dict) else range(len(value)))
            value[key], value[other] = value[other], value[key]
        elif isinstance(value, list):
            value.extend(value[: self._random.randrange(1, 40)])
        else:
            value[self._random.choice(("schema", "", "x", "__class__", "name", "\u202e"))] = self._replacement(None)
        return value

    def _replacement(self, value: Any) -> Any:
        if isinstance(value, (int, float)) and abs(value) < 1e300 and self._random.random() < 0.5:
            return self._random.choice((value * 1e6, -value, value / 1e6, value + 1, round(value)))
        if self._random.random() < 0.03:
            return json.loads("[" * 90 + "]" * 90)
        return copy.deepcopy(self._random.choice(_SCALARS))

    def _place(self, data: bytearray) -> int:
        return self._random.randrange(len(data) + 1)

    def _span(self, data: bytearray) -> slice:
        start = self._place(data)
        return slice(start, start + self._random.choice((1, 1, 2, 4, 8, 16, 64, 256)))

    def flip_bit(self, data: bytearray) -> None:
        """One bit turned."""
        if data:
            data[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)

    def set_byte(self, data: bytearray) -> None:
        """One byte of no relation to what it was."""
        if data:
            data[self._random.randrange(len(data))] = self._random.randrange(256)

    def cut_span(self, data: bytearray) -> None:
        """Some bytes left out."""
        del data[self._span(data)]

    def truncate(self, data: bytearray) -> None:
        """Everything after some place left out."""
        del data[self._place(data) :]

    def repeat_span(self, data: bytearray) -> None:
        """Some bytes there many times."""
        span = data[self._span(data)]
        place = self._place(data)
        data[place:place] = span * self._random.choice((1, 2, 10, 100))

    def insert_word(self, data: bytearray) -> None:
        """A word of the grammar, an extreme number or an awkward character where it does not belong."""
        place = self._place(data)
        data[place:place] = self._random.choice(self._words)

    def splice(self, data: bytearray) -> None:
        """The end of another input."""
        other = self._random.choice(self._seeds)
        data[self._place(data) :] = other[self._random.randrange(len(other) + 1) :]

    def replace_number(self, data: bytearray) -> None:
        """Another number where a text has one."""
        found = list(_NUMBER.finditer(bytes(data)))
        if found:
            match = self._random.choice(found)
            data[match.start() : match.end()] = self._random.choice(_EXTREMES)


_MUTATIONS: tuple[Mutation, ...] = (
    Mutator.flip_bit,
    Mutator.set_byte,
    Mutator.cut_span,
    Mutator.truncate,
    Mutator.repeat_span,
    Mutator.insert_word,
    Mutator.splice,
    Mutator.replace_number,
)


def _parsed(seed: bytes) -> Any:
    try:
        document = json.loads(seed)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, (dict, list)) else None
