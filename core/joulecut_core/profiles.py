"""What was measured of one network on one device: the record behind every table a planner sees.

A profile is a versioned, human-readable JSON file. Times are of whole blocks inside whole-part
runs, device synchronised; clocks are kept both as requested and as achieved.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from joulecut_core.argument_types import expect_path, expect_type
from joulecut_core.clocks import OperatingPoint
from joulecut_core.decoding import decode, encode, show
from joulecut_core.documents import cannot_write, read_text, write_json
from joulecut_core.errors import ProfileError
from joulecut_core.figures import FigureKind
from joulecut_core.strict_json import parse_strictly

PROFILE_SCHEMA = "joulecut.profile/1"
_MOST = 1e12
"""Of seconds, watts, rates and clocks: far above any real one, and low enough that no square of them overflows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileKey:
    """What a profile belongs to. Any difference makes it useless for another device, network or engine."""

    device: str
    driver: str
    power_scope: str
    network_digest: str
    side: str
    engine: str
    precision: str
    batch: int

    def __str__(self) -> str:
        how = f"{self.side} side, {self.engine}, {self.precision}, batch {self.batch}"
        return f"{self.network_digest} on {self.device} ({self.driver}, {self.power_scope}; {how})"


@dataclass(frozen=True, slots=True, kw_only=True)
class PointMeasurement:
    """The whole network at one operating point.

    `block_s[k]`: mean seconds of block k. `whole_std_s`: spread of one whole run. `busy_w`: mean
    draw while running back to back over `window_s`. `wait_w`: draw when not computing, clock held,
    context loaded. `runs`: repetitions behind the means. `samples_s`: seconds of single whole runs in
    the order they ran, the latest where not all are kept; empty where none are. `busy_std_w`, `wait_std_w`:
    standard uncertainties of the two draws, as far as the meter repeats itself; None where they were not judged.
    """

    requested: OperatingPoint
    achieved: OperatingPoint
    runs: int
    block_s: tuple[float, ...]
    whole_s: float
    whole_std_s: float
    busy_w: float
    wait_w: float
    window_s: float
    samples_s: tuple[float, ...] = ()
    busy_std_w: float | None = None
    wait_std_w: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartMeasurement:
    """This side's part of one cut, run whole at one operating point: checks and corrects sums of blocks."""

    cut: int
    achieved: OperatingPoint
    runs: int
    time_s: float
    time_std_s: float
    busy_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecMeasurement:
    """Encoding (edge) or decoding (server) one cut's tensors: seconds, and watts on top of waiting."""

    cut: int
    codec: str
    time_s: float
    time_std_s: float
    extra_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GovernedMeasurement:
    """The whole network under the board's own governor at a request rate: latency, and mean draw over the period.

    `samples_s`: seconds of single requests in the order they ran; empty where none were kept.
    """

    rate_hz: float
    latency_s: float
    latency_std_s: float
    mean_w: float
    samples_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PacedMeasurement:
    """The whole network at a request rate with an operating point held: latency, and mean draw over the period.

    `samples_s`: seconds of single requests in the order they ran.
    """

    requested: OperatingPoint
    achieved: OperatingPoint
    rate_hz: float
    latency_s: float
    latency_std_s: float
    mean_w: float
    samples_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """All measurements of one network on one side's device. Raises ProfileError where they do not fit together."""

    key: ProfileKey
    network: str
    cut_names: tuple[str, ...]
    clock_table: tuple[OperatingPoint, ...]
    created: str
    figures: FigureKind
    points: tuple[PointMeasurement, ...]
    parts: tuple[PartMeasurement, ...] = ()
    codecs: tuple[CodecMeasurement, ...] = ()
    governed: tuple[GovernedMeasurement, ...] = ()
    paced: tuple[PacedMeasurement, ...] = ()
    schema: str = PROFILE_SCHEMA

    def __post_init__(self) -> None:
        if self.schema != PROFILE_SCHEMA:
            raise ProfileError(f"schema: {show(self.schema)}; expected {PROFILE_SCHEMA!r}: make the profile again")
        if self.key.side not in ("edge", "server"):
            raise ProfileError(f"key.side: {show(self.key.side)}; expected 'edge' or 'server'")
        if not self.points:
            raise ProfileError("points: empty; expected at least one measured operating point")
        blocks = len(self.cut_names) - 1
        if blocks < 1:
            raise ProfileError(f"cut_names: {len(self.cut_names)}; expected at least two: make the profile again")
        self._check_points(blocks)
        self._check_paced()
        for path, numbers in self._numbers():
            for value in numbers:
                if not 0.0 <= value <= _MOST:
                    raise ProfileError(f"{path}: {value:g}; expected 0 to {_MOST:g}: make the profile again")

    def _check_points(self, blocks: int) -> None:
        for index, point in enumerate(self.points):
            if len(point.block_s) != blocks:
                raise ProfileError(f"points[{index}].block_s: {len(point.block_s)} values; expected {blocks}")
            if min(point.block_s) < 0 or point.whole_s <= 0 or point.busy_w < 0 or point.wait_w < 0:
                raise ProfileError(f"points[{index}]: negative or zero times or watts; make the profile again")
            for value in (*point.block_s, point.whole_s, point.whole_std_s, point.busy_w, point.wait_w):
                if not 0.0 <= value <= _MOST:
                    raise ProfileError(
                        f"points[{index}]: {value:g} as seconds or watts; expected 0 to {_MOST:g}: "
                        "make the profile again"
                    )
            if min(point.busy_std_w or 0.0, point.wait_std_w or 0.0) < 0:
                raise ProfileError(f"points[{index}]: a negative uncertainty of watts; make the profile again")
            if min(point.samples_s, default=1.0) <= 0:
                raise ProfileError(f"points[{index}].samples_s: a run of 0 or fewer seconds; make the profile again")

    def _check_paced(self) -> None:
        for index, paced in enumerate(self.paced):
            if paced.rate_hz <= 0 or paced.latency_s <= 0 or paced.mean_w < 0 or min(paced.samples_s, default=1.0) <= 0:
                raise ProfileError(f"paced[{index}]: negative or zero rates, times or watts; make the profile again")

    def _numbers(self) -> Iterator[tuple[str, tuple[float, ...]]]:
        """Whatever was measured or offered and is not looked at above, by its place."""
        for index, clock in enumerate(self.clock_table):
            yield f"clock_table[{index}]", _clocks(clock)
        for index, point in enumerate(self.points):
            clocks = (*_clocks(point.requested), *_clocks(point.achieved))
            uncertainties = (point.busy_std_w or 0.0, point.wait_std_w or 0.0)
            yield f"points[{index}]", (*clocks, point.window_s, *point.samples_s, *uncertainties)
        for index, part in enumerate(self.parts):
            yield f"parts[{index}]", (*_clocks(part.achieved), part.time_s, part.time_std_s, part.busy_w)
        for index, codec in enumerate(self.codecs):
            yield f"codecs[{index}]", (codec.time_s, codec.time_std_s, codec.extra_w)
        for index, rated in enumerate(self.governed):
            yield f"governed[{index}]", (rated.rate_hz, rated.latency_s, rated.latency_std_s, rated.mean_w)
            yield f"governed[{index}].samples_s", rated.samples_s
        for index, paced in enumerate(self.paced):
            clocks = (*_clocks(paced.requested), *_clocks(paced.achieved))
            yield f"paced[{index}]", (*clocks, paced.rate_hz, paced.latency_s, paced.latency_std_s, paced.mean_w)
            yield f"paced[{index}].samples_s", paced.samples_s

    @property
    def last_cut(self) -> int:
        """Index of the cut that leaves everything on the edge."""
        return len(self.cut_names) - 1


def _clocks(point: OperatingPoint) -> tuple[float, ...]:
    return (point.core_mhz,) if point.memory_mhz is None else (point.core_mhz, point.memory_mhz)


def load_profile(path: str | os.PathLike[str]) -> Profile:
    """The profile in a file; raises ProfileError naming the file and the field, TypeError for what is no path."""
    text = read_text(expect_path("path", path, "of a file that save_profile wrote", error=ProfileError), ProfileError)
    try:
        document = parse_strictly(text, ProfileError, str(path))
    except ProfileError as error:
        raise ProfileError(f"{error}; delete the file, so that the profile is measured again") from error
    try:
        return decode(Profile, document, error=ProfileError)
    except ProfileError as error:
        raise ProfileError(f"{path}: {error}") from error


def save_profile(profile: Profile, path: str | os.PathLike[str]) -> None:
    """Write a profile; a reader never sees half of it.

    Raises TypeError for what is none, ProfileError where it cannot be written,
    JoulecutError where its disk is full or fails.
    """
    expect_type("profile", profile, Profile, "measure one with joulecut.profile")
    place = expect_path("path", path, "of the file to write", error=ProfileError)
    try:
        write_json(place, encode(profile), durable=True)
    except OSError as error:
        said = f"{place}: the profile cannot be kept: {error.strerror}"
        remedy = "let this user write there, or name another file"
        raise cannot_write(said, error, ProfileError, remedy=remedy) from error
