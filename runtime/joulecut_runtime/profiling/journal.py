"""What an unfinished profile has measured so far, on disk, so that an interrupted one goes on where it stopped.

    <profile>.journal    beside the file that the profile will get

Written anew after each operating point and each request rate, whole or not at all. It counts for the same key, plan
(and so seed) and clock table only. Whoever saves the profile removes the journal.
"""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from pathlib import Path

from joulecut_core.clocks import OperatingPoint
from joulecut_core.decoding import decode, encode
from joulecut_core.documents import read_json, write_json
from joulecut_core.errors import ProfileError
from joulecut_core.profiles import (
    CodecMeasurement,
    GovernedMeasurement,
    PacedMeasurement,
    PartMeasurement,
    PointMeasurement,
    ProfileKey,
)
from joulecut_runtime.profiling.plan import ProfilePlan

_LOG = logging.getLogger(__name__)

_SCHEMA = "joulecut.profile-journal/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRecord:
    """All that was measured while one operating point was held."""

    point: PointMeasurement
    parts: tuple[PartMeasurement, ...] = ()
    codecs: tuple[CodecMeasurement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedProfile:
    """What a journal holds: whose measurements these are, and those done, in the order of measuring."""

    key: ProfileKey
    plan: ProfilePlan
    clock_table: tuple[OperatingPoint, ...]
    points: tuple[PointRecord, ...] = ()
    governed: tuple[GovernedMeasurement, ...] = ()
    paced: tuple[PacedMeasurement, ...] = ()
    schema: str = _SCHEMA

    def __post_init__(self) -> None:
        if self.schema != _SCHEMA:
            raise ProfileError(f"schema: {self.schema!r}; expected {_SCHEMA!r}")

    def continues(self, other: UnfinishedProfile) -> bool:
        """Whether both are of the same device, network, plan and clock table."""
        return (self.key, self.plan, self.clock_table) == (other.key, other.plan, other.clock_table)


class ProfileJournal:
    """Keeps an unfinished profile in a file. Nothing is written before the first record."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.resumed_points = 0
        """Operating points that an earlier run had measured, known after `open`."""
        self._state: UnfinishedProfile | None = None

    def open(self, fresh: UnfinishedProfile) -> UnfinishedProfile:
        """What an earlier run left of this profile; `fresh`, an empty one, where it left nothing or another's.

        Raises ProfileError where the file is damaged.
        """
        kept = self._read()
        if kept is not None and not kept.continues(fresh):
            _LOG.warning("%s is of another device, network, plan or seed; starting from nothing", self.path)
            kept = None
        self._state = kept or fresh
        self.resumed_points = len(self._state.points)
        if kept is not None:
            _LOG.info("resuming after an interruption: %d operating points were measured before", len(kept.points))
        return self._state

    def add_point(self, record: PointRecord) -> None:
        """Keep another operating point."""
        state = self._opened()
        self._keep(dataclasses.replace(state, points=(*state.points, record)))

    def add_governed(self, measurement: GovernedMeasurement) -> None:
        """Keep another governed rate."""
        state = self._opened()
        self._keep(dataclasses.replace(state, governed=(*state.governed, measurement)))

    def add_paced(self, measurement: PacedMeasurement) -> None:
        """Keep another rate at a held clock."""
        state = self._opened()
        self._keep(dataclasses.replace(state, paced=(*state.paced, measurement)))

    def remove(self) -> None:
        """The profile is saved: forget it."""
        self.path.unlink(missing_ok=True)

    def _keep(self, state: UnfinishedProfile) -> None:
        write_json(self.path, encode(state))
        self._state = state

    def _opened(self) -> UnfinishedProfile:
        if self._state is None:
            raise ProfileError(f"{self.path}: nothing can be kept before the journal is opened; open it first")
        return self._state

    def _read(self) -> UnfinishedProfile | None:
        if not self.path.is_file():
            return None
        try:
            return decode(UnfinishedProfile, read_json(self.path, ProfileError), error=ProfileError)
        except ProfileError as error:
            raise ProfileError(f"{self.path}: {error}; delete the file to start from nothing") from error


def journal_path(profile: Path) -> Path:
    """Where the journal of the profile in a file is kept."""
    return profile.with_name(f"{profile.name}.journal")
