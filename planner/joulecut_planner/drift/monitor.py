"""Watches all parts of the requests made under one choice of cut, codec and clocks."""

from __future__ import annotations

from collections.abc import Mapping

from joulecut_core.clocks import OperatingPoint
from joulecut_planner.drift.correction import Corrections, PointFactor
from joulecut_planner.drift.detector import DriftDetector, DriftSettings, Shift
from joulecut_planner.drift.verdict import Conditions, DriftCause, Verdict, WatchedPart, judge

LEAST_S = 1e-4
"""Stages predicted to be shorter are not watched: their seconds are the host's overhead, not the device's."""


class DriftMonitor:
    """A sample in, a shift out; then the shift with what the device says in, a verdict out.

    The two steps are apart so that a device is asked only when something has drifted, not at every
    request. Not thread-safe.
    """

    def __init__(self, settings: DriftSettings | None = None) -> None:
        self._settings = settings or DriftSettings()
        self._detectors: dict[WatchedPart, DriftDetector] = {}
        self._causes: dict[WatchedPart, DriftCause] = {}

    @property
    def levels(self) -> Mapping[WatchedPart, float]:
        """Measured over predicted seconds of each part observed so far, the median since its last shift."""
        # Copied in one step, since another thread may ask while a part is seen for the first time.
        return {part: detector.factor for part, detector in tuple(self._detectors.items())}

    def observe(self, part: WatchedPart, predicted_s: float, measured_s: float) -> Shift | None:
        """Take one request's seconds of a part; returns the shift that they prove.

        Stages too short to tell from overhead are passed over.
        """
        if predicted_s < LEAST_S or measured_s <= 0.0:
            return None
        detector = self._detectors.get(part)
        if detector is None:
            detector = self._detectors[part] = DriftDetector(self._settings)
        return detector.observe(predicted_s, measured_s)

    def judge(self, part: WatchedPart, shift: Shift, conditions: Conditions | None) -> Verdict:
        """The verdict on a shift that `observe` returned, which corrections follow from then on."""
        verdict = judge(part, shift, conditions, tolerance=self._settings.tolerance)
        self._causes[part] = verdict.cause
        return verdict

    def corrections(self, edge: OperatingPoint | None, server: OperatingPoint | None) -> Corrections:
        """Factors of the parts that drifted, at the points that the plan asked for, from requests since.

        None for a throttled part: its clock is not the tables' clock. None for a side without a point.
        """
        factors = {
            part: self._detectors[part].factor
            for part, cause in self._causes.items()
            if cause in (DriftCause.MODEL_ERROR, DriftCause.LINK)
        }
        return Corrections(
            edge=_at(edge, factors.get(WatchedPart.HEAD)),
            server=_at(server, factors.get(WatchedPart.TAIL)),
            encode=factors.get(WatchedPart.ENCODE, 1.0),
            decode=factors.get(WatchedPart.DECODE, 1.0),
            link=factors.get(WatchedPart.LINK, 1.0),
        )


def _at(point: OperatingPoint | None, factor: float | None) -> tuple[PointFactor, ...]:
    return () if point is None or factor is None else (PointFactor(point=point, factor=factor),)
