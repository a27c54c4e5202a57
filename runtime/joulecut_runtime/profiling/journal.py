"""What an unfinished profile has measured so far, on disk, so that an interrupted one goes on where it stopped.

    <profile>.journal    beside the file that the profile will get

Written anew after each operating point and each request rate, whole or not at all. It counts for the same key, plan
(and so seed) and clock table only. A damaged one is given up with a warning, since an agent that a service manager
starts again and again would never come up. Whoever saves the profile removes the journal.
"""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from pathlib import Path

from joulecut_core.clocks import OperatingPoint
from joulecut_core.decoding import decode, encode, show
from joulecut_core.documents import cannot_write, write_json
from joulecut_core.errors import ProfileError
from joulecut_core.profiles import (
    CodecMeasurement,
    GovernedMeasurement,
    PacedMeasurement,
    PartMeasurement,
    PointMeasurement,
    ProfileKey,
)
from joulecut_core.strict_json import parse_strictly
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
            raise ProfileError(f"schema: {show(self.schema)}; expected {_SCHEMA!r}")

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
        """What an earlier run left of this profile; `fresh`, an empty one, where it left nothing, another's or damage.

        Raises ProfileError where the file cannot be read, or none can be written, JoulecutError where the disk is full
        or fails: nothing is measured in vain.
        """
        self._try_folder(fresh)
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
        self._write(self.path, state)
        self._state = state

    def _try_folder(self, state: UnfinishedProfile) -> None:
        trial = self.path.with_name(f"{self.path.name}.trial")
        self._write(trial, state)
        trial.unlink(missing_ok=True)

    def _write(self, path: Path, state: UnfinishedProfile) -> None:
        try:
            write_json(path, encode(state), durable=True)
        except OSError as error:
            said = f"{self.path}: what is measured cannot be kept: {error.strerror}"
            remedy = "let this user write there, or name another folder"
            raise cannot_write(said, error, ProfileError, remedy=remedy) from error

    def _opened(self) -> UnfinishedProfile:
        if self._state is None:
            raise ProfileError(f"{self.path}: nothing can be kept before the journal is opened; open it first")
        return self._state

    def _read(self) -> UnfinishedProfile | None:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            text = f"what was measured before cannot be read: {error.strerror}; let this user read it, or delete it"
            raise ProfileError(f"{self.path}: {text}") from error
        try:
            document = parse_strictly(content.decode(), ProfileError, "journal")
            return decode(UnfinishedProfile, document, error=ProfileError)
        except (ProfileError, UnicodeDecodeError) as error:
            _LOG.warning(
                "%s, %d bytes that an interrupted run measured, is damaged and thrown away: %s; starting from nothing",
                self.path,
                len(content),
                error,
            )
        self.path.unlink(missing_ok=True)
        return None


def journal_path(profile: Path) -> Path:
    """Where the journal of the profile in a file is kept."""
    return profile.with_name(f"{profile.name}.journal")
