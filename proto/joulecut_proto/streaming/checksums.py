"""Checksums of what travels on an inference stream: damage on a link without TLS is noticed, never answered.

A header's is XXH3-64 of its bytes. A chunk's is XXH3-64 of its bytes, seeded with the checksum of the chunk before it,
0 for the first of a payload: a chunk that is missing, doubled or of another payload is noticed like a flipped bit.
They cost a pass over bytes that are in the cache anyway, and they keep nobody out: that is what TLS is for.
"""

from __future__ import annotations

from collections.abc import Sequence

import xxhash

from joulecut_core.tensor_frames import Payload


def header_checksum(header: Payload) -> int:
    """The checksum of a serialised header."""
    return xxhash.xxh3_64_intdigest(header)


class PayloadChecksum:
    """The checksums of a payload's chunks, in order."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0
        """That of the last chunk so far, and so of all bytes so far in the chunks they came in."""

    def take(self, *pieces: Payload) -> int:
        """The checksum of the next chunk, which consists of `pieces`."""
        self.value = chunk_checksum(pieces, self.value)
        return self.value


def chunk_checksum(pieces: Sequence[Payload], before: int = 0) -> int:
    """The checksum of a chunk that consists of `pieces`, behind a chunk of checksum `before`."""
    if len(pieces) == 1:
        return xxhash.xxh3_64_intdigest(pieces[0], before)
    digest = xxhash.xxh3_64(seed=before)
    for piece in pieces:
        digest.update(piece)
    return digest.intdigest()
