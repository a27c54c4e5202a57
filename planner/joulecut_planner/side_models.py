"""What one side's profile predicts for each of its parts at each operating point it offers.

Time and power of the whole network are fitted per memory clock on achieved clocks
(`joulecut_planner.fits`): a clock that is not believed bends no curve, and is offered as it was
measured. Blocks are short and noisy, and carry less: their times are fitted one by one with
a f^-b + c, and summed to parts that are scaled to the whole and to the parts that were measured whole
(`joulecut_planner.corrections`). An operating point on offer is one of the clock table
whose memory clock was measured, between the lowest and the highest core clock measured there: nothing is
extrapolated. With fewer than three distinct core clocks at a memory clock only the measured points
themselves are offered, as measured. What was measured at a request rate takes no part: it is compared
(`joulecut_planner.pacing`), and the log says where it disagrees.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Protocol, TypeAlias

import numpy as np
import numpy.ma  # np.unique imports it at its first call, when a busy server may have no descriptor left
from numpy.typing import NDArray

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.errors import ProfileError
from joulecut_core.profiles import PointMeasurement, Profile
from joulecut_planner.choices.grids import Array, read_only
from joulecut_planner.corrections import Anchor, ratios
from joulecut_planner.fits import ClockKind, Measurement, SeriesFit, fit_series
from joulecut_planner.fits.cpu_dvfs_fit import fit_cpu_latency, fit_cpu_power
from joulecut_planner.fits.fit_quality import FitQuality
from joulecut_planner.fits.latency_fit import LEAST_CLOCKS, fit_latency
from joulecut_planner.pacing import paced_checks

Flags: TypeAlias = "NDArray[np.bool_]"

_LOG = logging.getLogger(__name__)

_KEPT = 16
"""Fitted profiles kept: both sides of a few networks, with both kinds of model."""


class ModelKind(str, Enum):
    """Which laws of time and power the tables are made with."""

    DVFS_AWARE = "dvfs-aware"
    """a f^-b + c and p0 + p1 f + p3 f^n, with waiting power."""
    CPU_DVFS = "cpu-dvfs"
    """k / f and kappa f^3. That model knows no static power, so waiting and idling cost nothing in it
    (Han et al. 2025, arXiv 2502.06295, the model they replace)."""


class LatencyModel(Protocol):
    """Seconds of a block against the core clock."""

    @property
    def quality(self) -> FitQuality:
        """Errors in sample."""
        ...

    def latency_s(self, core_mhz: float) -> float:
        """Seconds at a core clock."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockedFit:
    """The curves fitted at one memory clock: one of time for each block, time and power of the whole network."""

    memory_mhz: float | None
    blocks: tuple[LatencyModel, ...]
    whole: SeriesFit | None
    """None for the CPU's model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SideModel:
    """Predictions for one side: tables of shape (cuts, points), `wait_w` of shape (points,), all read-only."""

    points: tuple[OperatingPoint, ...]
    time_s: Array
    std_s: Array
    busy_w: Array
    wait_w: Array
    fits: tuple[ClockedFit, ...]


@lru_cache(maxsize=_KEPT)
def side_model(profile: Profile, model: ModelKind = ModelKind.DVFS_AWARE) -> SideModel:
    """Predict times, spreads and powers of this side's part for every cut and offered operating point.

    Fits once for each profile in use: planning for another link or service level fits nothing.
    Raises FitError where a measured value cannot carry a curve, ProfileError for a part of an unknown cut.
    """
    for index, part in enumerate(profile.parts):
        if not 0 <= part.cut <= profile.last_cut:
            raise ProfileError(f"parts[{index}].cut: {part.cut}; expected 0 to {profile.last_cut}")
    off = "; ".join(str(check) for check in paced_checks(profile) if not check.agrees)
    if off and model is ModelKind.DVFS_AWARE:
        # An edge's profile may say anything, at any length.
        text = "%.80r on %.80r, measured at a request rate: %.400s"
        _LOG.warning(text, profile.network, profile.key.device, off)
    measured = [_Measured.of(profile, memory_mhz) for memory_mhz in _memory_clocks(profile)]
    all_times = [anchor for group in measured for anchor in group.part_times]
    all_powers = [anchor for group in measured for anchor in group.part_powers]
    tables = [_predict(profile, group, model, all_times, all_powers) for group in measured]
    return SideModel(
        points=tuple(point for table in tables for point in table.points),
        time_s=read_only(np.concatenate([table.time_s for table in tables], axis=1)),
        std_s=read_only(np.concatenate([table.std_s for table in tables], axis=1)),
        busy_w=read_only(np.concatenate([table.busy_w for table in tables], axis=1)),
        wait_w=read_only(np.concatenate([table.wait_w for table in tables])),
        fits=tuple(fit for table in tables for fit in table.fits),
    )


@dataclass(frozen=True, slots=True)
class _Measured:
    """All measurements at one memory clock, by rising requested clock, with the ratios of measured parts."""

    memory_mhz: float | None
    requested_mhz: Array
    core_mhz: Array
    block_s: Array
    whole_s: Array
    busy_w: Array
    wait_w: Array
    spread: Array
    part_times: tuple[Anchor, ...]
    part_powers: tuple[Anchor, ...]

    @classmethod
    def of(cls, profile: Profile, memory_mhz: float | None) -> _Measured:
        """The measurements of `profile` at one memory clock; repeated ones are averaged."""
        by_clock: dict[float, list[PointMeasurement]] = {}
        for point in profile.points:
            if _same_mhz(point.requested.memory_mhz, memory_mhz):
                by_clock.setdefault(point.requested.core_mhz, []).append(point)
        groups = [by_clock[clock] for clock in sorted(by_clock)]
        core_mhz = _means([[point.achieved.core_mhz for point in group] for group in groups])
        block_s = np.array([np.mean([point.block_s for point in group], axis=0) for group in groups])
        busy_w = _means([[point.busy_w for point in group] for group in groups])
        order = np.argsort(core_mhz, kind="stable")
        sums = _part_sums(profile, block_s[order])
        times, powers = [], []
        for part in profile.parts:
            if not _same_mhz(part.achieved.memory_mhz, memory_mhz):
                continue
            clock = part.achieved.core_mhz
            whole_w = float(np.interp(clock, core_mhz[order], busy_w[order]))
            blocks_s = float(np.interp(clock, core_mhz[order], sums[part.cut]))
            if blocks_s > 0 and whole_w > 0:
                times.append(Anchor(cut=part.cut, core_mhz=clock, ratio=part.time_s / blocks_s))
                powers.append(Anchor(cut=part.cut, core_mhz=clock, ratio=part.busy_w / whole_w))
        return cls(
            memory_mhz=memory_mhz,
            requested_mhz=np.array(sorted(by_clock)),
            core_mhz=core_mhz,
            block_s=block_s,
            whole_s=_means([[point.whole_s for point in group] for group in groups]),
            busy_w=busy_w,
            wait_w=_means([[point.wait_w for point in group] for group in groups]),
            spread=_means([[point.whole_std_s / point.whole_s for point in group] for group in groups]),
            part_times=tuple(times),
            part_powers=tuple(powers),
        )

    def whole_times(self, whole_cut: int) -> list[Anchor]:
        """Whole runs against the sums of their blocks, at each measured clock."""
        sums_s = self.block_s.sum(axis=1).tolist()
        return [
            Anchor(cut=whole_cut, core_mhz=clock, ratio=whole_s / sum_s)
            for clock, whole_s, sum_s in zip(self.core_mhz.tolist(), self.whole_s.tolist(), sums_s, strict=True)
            if sum_s > 0
        ]

    def believed(self, whole: SeriesFit | None) -> Flags:
        """Which clocks blocks are fitted on: those that are not suspect, or all where too few would be left.

        The lowest and the highest stay, since blocks are not extrapolated.
        """
        points = [OperatingPoint(core_mhz=clock, memory_mhz=self.memory_mhz) for clock in self.core_mhz.tolist()]
        suspects = () if whole is None else whole.suspects
        inner = (self.core_mhz > self.core_mhz.min()) & (self.core_mhz < self.core_mhz.max())
        doubted = np.array([any(point.matches(suspect) for suspect in suspects) for point in points])
        believed: Flags = ~(doubted & inner)
        return believed if len(np.unique(self.core_mhz[believed])) >= LEAST_CLOCKS else np.ones_like(believed)


def _predict(
    profile: Profile,
    measured: _Measured,
    model: ModelKind,
    all_times: Sequence[Anchor],
    all_powers: Sequence[Anchor],
) -> SideModel:
    fitted = len(np.unique(measured.core_mhz)) >= LEAST_CLOCKS
    requested_mhz = _offered(profile, measured) if fitted else measured.requested_mhz
    # What the device will run at when asked: the requested clock, or less under a power limit.
    core_mhz = np.interp(requested_mhz, measured.requested_mhz, measured.core_mhz)
    cuts, whole_cut = len(profile.cut_names), _whole_cut(profile)
    block_s, whole_w = measured.block_s, measured.busy_w
    known_times: dict[int, Array] = {}
    whole_times = measured.whole_times(whole_cut)
    fits: tuple[ClockedFit, ...] = ()
    if model is ModelKind.CPU_DVFS:
        fits = (_block_fits(measured, model, None),)
        block_s = _block_times(fits[0], core_mhz)
        power = fit_cpu_power(measured.core_mhz.tolist(), measured.busy_w.tolist())
        whole_w = np.array([power.power_w(clock) for clock in core_mhz.tolist()])
    elif fitted:
        whole = _whole_fit(measured)
        fits = (_block_fits(measured, model, whole),)
        block_s = _block_times(fits[0], core_mhz)
        for k in np.flatnonzero(~measured.believed(whole)).tolist():
            block_s[core_mhz == measured.core_mhz[k]] = measured.block_s[k]
        points = [OperatingPoint(core_mhz=clock, memory_mhz=measured.memory_mhz) for clock in core_mhz.tolist()]
        predicted = whole.predict(points, smooth=True)
        whole_w = np.array([prediction.power_w or 0.0 for prediction in predicted])
        whole_s = np.array([prediction.latency_s or 0.0 for prediction in predicted])
        sums_s = block_s.sum(axis=1)
        if (sums_s > 0).all():
            known_times, whole_times = {whole_cut: whole_s / sums_s}, []
    time_anchors = [anchor for anchor in measured.part_times or all_times if anchor.cut != whole_cut]
    power_anchors = [anchor for anchor in measured.part_powers or all_powers if anchor.cut != whole_cut]
    time_s = _part_sums(profile, block_s) * ratios([*time_anchors, *whole_times], core_mhz, cuts, known=known_times)
    wait_w = np.interp(requested_mhz, measured.requested_mhz, measured.wait_w)
    return SideModel(
        points=tuple(
            OperatingPoint(core_mhz=clock, memory_mhz=measured.memory_mhz) for clock in requested_mhz.tolist()
        ),
        time_s=time_s,
        std_s=time_s * np.interp(requested_mhz, measured.requested_mhz, measured.spread),
        busy_w=whole_w * ratios(power_anchors, core_mhz, cuts, known={whole_cut: np.ones_like(core_mhz)}),
        wait_w=np.zeros_like(wait_w) if model is ModelKind.CPU_DVFS else wait_w,
        fits=fits,
    )


def _whole_fit(measured: _Measured) -> SeriesFit:
    """Time and power of the whole network at one memory clock."""
    columns = zip(measured.core_mhz.tolist(), measured.whole_s.tolist(), measured.busy_w.tolist(), strict=True)
    return fit_series(
        [
            Measurement(
                core_mhz=clock,
                memory_mhz=measured.memory_mhz,
                latency_s=whole_s,
                power_w=busy_w or None,
                clock_kind=ClockKind.ACHIEVED,
            )
            for clock, whole_s, busy_w in columns
        ]
    )


def _block_fits(measured: _Measured, model: ModelKind, whole: SeriesFit | None) -> ClockedFit:
    believed = measured.believed(whole)
    clocks = measured.core_mhz[believed].tolist()
    columns: list[list[float]] = measured.block_s[believed].T.tolist()
    fit = fit_cpu_latency if model is ModelKind.CPU_DVFS else fit_latency
    return ClockedFit(
        memory_mhz=measured.memory_mhz, blocks=tuple(fit(clocks, seconds) for seconds in columns), whole=whole
    )


def _block_times(fit: ClockedFit, core_mhz: Array) -> Array:
    return np.array([[block.latency_s(clock) for block in fit.blocks] for clock in core_mhz.tolist()])


def _offered(profile: Profile, measured: _Measured) -> Array:
    table = ClockTable(points=profile.clock_table)
    lowest, highest = measured.requested_mhz[0], measured.requested_mhz[-1]
    offered = [
        point.core_mhz
        for point in table.points
        if _same_mhz(point.memory_mhz, measured.memory_mhz)
        and (
            lowest <= point.core_mhz <= highest
            or _same_mhz(point.core_mhz, float(lowest))
            or _same_mhz(point.core_mhz, float(highest))
        )
    ]
    return np.array(offered or measured.requested_mhz.tolist())


def _part_sums(profile: Profile, block_s: Array) -> Array:
    """Sums of blocks of this side's part, from (clocks, blocks) to (cuts, clocks)."""
    nothing = np.zeros((len(block_s), 1))
    if profile.key.side == "edge":
        sums = np.concatenate([nothing, np.cumsum(block_s, axis=1)], axis=1)
    else:
        sums = np.concatenate([np.cumsum(block_s[:, ::-1], axis=1)[:, ::-1], nothing], axis=1)
    return np.ascontiguousarray(sums.T)


def _whole_cut(profile: Profile) -> int:
    return profile.last_cut if profile.key.side == "edge" else 0


def _memory_clocks(profile: Profile) -> list[float | None]:
    distinct: list[float | None] = []
    for point in profile.points:
        if not any(_same_mhz(point.requested.memory_mhz, known) for known in distinct):
            distinct.append(point.requested.memory_mhz)
    return sorted(distinct, key=lambda clock: clock or 0.0)


def _same_mhz(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return OperatingPoint(core_mhz=a).matches(OperatingPoint(core_mhz=b))


def _means(values: list[list[float]]) -> Array:
    return np.array([np.mean(group) for group in values])
