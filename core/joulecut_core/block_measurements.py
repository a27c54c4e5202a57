"""Seconds and watts of every block of one network on one device: a profile, taken one floor deeper.

A whole network runs long enough for any meter, a block often does not: its watts are then None, and a power
model that has seen longer blocks may price it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from joulecut_core.block_features import BlockFeatures
from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.decoding import decode, encode, show
from joulecut_core.documents import read_json, write_json
from joulecut_core.errors import ProfileError
from joulecut_core.figures import FigureKind
from joulecut_core.profiles import Profile, ProfileKey

BLOCKS_SCHEMA = "joulecut.blocks/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPoint:
    """All blocks at one operating point.

    `wait_w`: draw when not computing. `whole_s`, `whole_w`: the whole network back to back. `block_s[k]`: block k
    inside whole runs. `block_w[k]`: block k back to back in a window of its own; None where that was too short.
    """

    achieved: OperatingPoint
    wait_w: float
    whole_s: float
    whole_w: float
    block_s: tuple[float, ...]
    block_w: tuple[float | None, ...]

    @property
    def whole_j(self) -> float:
        """Joules of one run of the whole network."""
        return self.whole_s * self.whole_w


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockMeasurements:
    """The blocks of one network on one device. `top`: the highest point of the device's clock table.

    Raises ProfileError where the tables do not fit together.
    """

    key: ProfileKey
    network: str
    figures: FigureKind
    top: OperatingPoint
    blocks: tuple[BlockFeatures, ...]
    points: tuple[BlockPoint, ...]
    schema: str = BLOCKS_SCHEMA

    def __post_init__(self) -> None:
        if self.schema != BLOCKS_SCHEMA:
            raise ProfileError(f"schema: {show(self.schema)}; expected {BLOCKS_SCHEMA!r}: measure the blocks again")
        if not (self.blocks and self.points):
            raise ProfileError(
                f"{self.network}: {len(self.blocks)} blocks, {len(self.points)} points; expected at least one of each"
            )
        for index, point in enumerate(self.points):
            self._check(f"points[{index}]", point)

    @property
    def metered(self) -> int:
        """Watts of blocks that were metered, over all points."""
        return sum(power_w is not None for point in self.points for power_w in point.block_w)

    def _check(self, path: str, point: BlockPoint) -> None:
        blocks = len(self.blocks)
        if len(point.block_s) != blocks or len(point.block_w) != blocks:
            raise ProfileError(
                f"{path}: {len(point.block_s)} block_s and {len(point.block_w)} block_w; expected {blocks} of each"
            )
        known_w = [power_w for power_w in point.block_w if power_w is not None]
        if min(point.block_s) < 0 or point.whole_s <= 0 or min([point.wait_w, point.whole_w, *known_w]) < 0:
            raise ProfileError(f"{path}: negative or zero times or watts; measure the blocks again")


def blocks_of_profile(
    profile: Profile,
    blocks: tuple[BlockFeatures, ...],
    block_w: Sequence[tuple[float | None, ...]] | None = None,
) -> BlockMeasurements:
    """A profile's seconds with what its blocks are; `block_w`: watts per point and block, none known where None.

    Raises ProfileError where blocks or watts are not those of the profile.
    """
    unknown = (None,) * len(blocks)
    watts = block_w if block_w is not None else [unknown] * len(profile.points)
    if len(watts) != len(profile.points):
        raise ProfileError(f"block_w: {len(watts)} points; expected {len(profile.points)} as in the profile")
    return BlockMeasurements(
        key=profile.key,
        network=profile.network,
        figures=profile.figures,
        top=ClockTable(points=profile.clock_table).top,
        blocks=blocks,
        points=tuple(
            BlockPoint(
                achieved=point.achieved,
                wait_w=point.wait_w,
                whole_s=point.whole_s,
                whole_w=point.busy_w,
                block_s=point.block_s,
                block_w=known,
            )
            for point, known in zip(profile.points, watts, strict=True)
        ),
    )


def load_blocks(path: Path) -> BlockMeasurements:
    """The measured blocks in a file; raises ProfileError naming the file and the field."""
    document = read_json(path, ProfileError)
    try:
        return decode(BlockMeasurements, document, error=ProfileError)
    except (ProfileError, ValueError) as error:
        raise ProfileError(f"{path}: {error}") from error


def save_blocks(measured: BlockMeasurements, path: Path) -> None:
    """Write measured blocks; a reader never sees half of them."""
    write_json(path, encode(measured))
