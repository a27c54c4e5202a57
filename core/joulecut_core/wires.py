"""What each wire codec costs in bytes and in fidelity at each cut of a network.

Fidelity is agreement with the unsplit FP32 network's top-1 answer on a set of samples. It is a
property of network and codec, not of a device, so it is kept apart from profiles.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from joulecut_core.argument_types import expect_path, expect_type
from joulecut_core.decoding import decode, encode, show
from joulecut_core.documents import cannot_write, read_json, write_json
from joulecut_core.errors import ProfileError

WIRES_SCHEMA = "joulecut.wires/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class WireMeasurement:
    """One codec at one cut: payloads, and the share of samples that changed their answer.

    `std_bytes`: how far payloads spread around their mean (a JPEG's size depends on the picture).
    """

    cut: int
    codec: str
    mean_bytes: float
    max_bytes: int
    accuracy_loss: float
    samples: int
    std_bytes: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WireTable:
    """All measured wires of one network. `samples_from` says what the samples were."""

    network: str
    network_digest: str
    samples_from: str
    reply_bytes: int
    wires: tuple[WireMeasurement, ...]
    schema: str = WIRES_SCHEMA

    def __post_init__(self) -> None:
        if self.schema != WIRES_SCHEMA:
            raise ProfileError(f"schema: {show(self.schema)}; expected {WIRES_SCHEMA!r}: measure the wires again")

    def at(self, cut: int) -> tuple[WireMeasurement, ...]:
        """The codecs measured at a cut."""
        return tuple(wire for wire in self.wires if wire.cut == cut)


def load_wires(path: str | os.PathLike[str]) -> WireTable:
    """The wire table in a file; raises ProfileError naming file and field, TypeError for what is no path."""
    document = read_json(expect_path("path", path, "of a file that save_wires wrote", error=ProfileError), ProfileError)
    try:
        return decode(WireTable, document, error=ProfileError)
    except ProfileError as error:
        raise ProfileError(f"{path}: {error}") from error


def save_wires(wires: WireTable, path: str | os.PathLike[str]) -> None:
    """Write a wire table; a reader never sees half of it.

    Raises TypeError for what is none, ProfileError where it cannot be written,
    JoulecutError where its disk is full or fails.
    """
    expect_type("wires", wires, WireTable, "take Network.wires()")
    place = expect_path("path", path, "of the file to write", error=ProfileError)
    try:
        write_json(place, encode(wires))
    except OSError as error:
        said = f"{place}: the wires cannot be kept: {error.strerror}"
        remedy = "let this user write there, or name another file"
        raise cannot_write(said, error, ProfileError, remedy=remedy) from error
