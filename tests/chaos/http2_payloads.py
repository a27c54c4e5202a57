"""Which bytes of an HTTP/2 connection are gRPC's messages: where a flipped bit is nobody's business but the payload's.

    up:   preface (24 bytes)  frame frame ...        down:  frame frame ...
    frame: length (3)  kind (1)  flags (1)  stream (4)  payload

Source: RFC 9113, sections 3.4 and 4.1.
"""

from __future__ import annotations

_HEAD_BYTES = 9
_DATA = 0
PREFACE_BYTES = 24
"""What a client sends before its first frame."""


class Http2Payloads:
    """Follows one direction of one connection, piece by piece."""

    def __init__(self, *, preface_bytes: int = 0) -> None:
        self._skip = preface_bytes
        self._head = bytearray()
        self._left = 0
        self._is_data = False

    def spans(self, piece: bytes) -> list[tuple[int, int]]:
        """Begin and end, within the piece, of each run of bytes that is payload of a DATA frame."""
        found: list[tuple[int, int]] = []
        at = min(self._skip, len(piece))
        self._skip -= at
        while at < len(piece):
            if self._left == 0:
                taken = piece[at : at + _HEAD_BYTES - len(self._head)]
                self._head += taken
                at += len(taken)
                if len(self._head) == _HEAD_BYTES:
                    self._left = int.from_bytes(self._head[:3], "big")
                    self._is_data = self._head[3] == _DATA
                    self._head.clear()
                continue
            end = min(len(piece), at + self._left)
            if self._is_data:
                found.append((at, end))
            self._left -= end - at
            at = end
        return found
