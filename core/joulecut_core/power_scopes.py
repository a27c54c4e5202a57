"""What watts contain, in words, and what a sum of several contains: figures of different scopes never add silently.

A scope is a short phrase that says what is inside: "module input", "GPU board", "CPU package (RAPL)", "wall". A sum
names each of its parts, and what a well-known one of them is known to leave out:

    module input + GPU board, without the server's host
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from joulecut_core.figures import FigureKind

GPU_BOARD = "GPU board"
HOST = "host"
UNKNOWN = "unknown scope"

_JOIN = " + "


def sum_scope(sides: Mapping[str, str | None]) -> str:
    """What a sum over `sides` contains: who is in it ("edge", "server") to the scope of their watts, None if unknown.

    Sides without a part in the sum are left out of `sides`. Empty for no side.
    """
    phrases = [f"{scope or f'{side} ({UNKNOWN})'}" for side, scope in sides.items()]
    if len(phrases) > 1 and len(set(phrases)) == 1:
        parts = f"{phrases[0]} of {' and '.join(sides)}"
    else:
        parts = _JOIN.join(phrases)
    lacking = [f"the {side}'s {left_out(scope)}" for side, scope in sides.items() if scope and left_out(scope)]
    return parts + (f", without {' and '.join(lacking)}" if lacking else "")


def widened(scope: str, by: str) -> str:
    """The scope of watts to which others are added: "GPU board + host (configured 85 W)"."""
    return f"{scope}{_JOIN}{by}"


def left_out(scope: str) -> str | None:
    """What a well-known scope leaves out of a whole machine; None where it leaves out nothing, or nobody knows."""
    board, _, beside = scope.partition(_JOIN)
    if board.startswith(GPU_BOARD):
        if not beside:
            return "host"
        return None if beside.startswith(HOST) else "host beyond its CPU"
    return "host beyond its CPU" if "RAPL" in scope else None


def sum_kind(kinds: Iterable[FigureKind]) -> FigureKind:
    """How a sum was obtained: as all of its parts were, else it is an estimate. `kinds`: at least one."""
    found = set(kinds)
    return found.pop() if len(found) == 1 else FigureKind.ESTIMATED
