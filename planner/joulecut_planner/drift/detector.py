"""Watches measured over predicted seconds of one part, and says when they have left each other, and by how much."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from statistics import median

from joulecut_core.errors import FitError
from joulecut_planner.drift.cusum import Cusum
from joulecut_planner.drift.false_alarms import threshold_for

_REFERENCE = 0.5
"""Half the shift to find: one standard deviation, or one tolerance where noise is less."""
_LEAST_NOISE = 20
"""Differences before their median says anything about the noise."""
_LEAST_LEVEL = 5
"""Samples before their median is taken for the new level."""
_NORMAL = 1.4826 / math.sqrt(2.0)
"""Standard deviation of samples over the median absolute difference of neighbours, for a normal distribution."""
_DOUBT = 1.1
"""Noise from a window of 200 is known to some 10 %; taken too low it would alarm far too often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftSettings:
    """`tolerance`: relative error of a prediction that is no drift (half of it is never told from none).

    `run_length`: samples between false alarms on average, for normal noise as wide as the tolerance or
    wider; far more where it is narrower. `window`: residuals kept for noise and level. Raises FitError
    for a tolerance that is not positive and for a window or run length too short to mean anything.
    """

    tolerance: float = 0.1
    run_length: float = 100_000.0
    window: int = 200

    def __post_init__(self) -> None:
        if not 0.0 < self.tolerance < math.inf:
            raise FitError(f"drift tolerance {self.tolerance!r}; expected more than 0")
        if self.window < _LEAST_NOISE:
            raise FitError(f"drift window of {self.window} residuals; expected at least {_LEAST_NOISE}")
        threshold_for(self.run_length, _REFERENCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A lasting change of level. `factor`: measured over predicted seconds since; `previous`: the level before.

    `samples`: how many it took to show. `noise`: standard deviation of single log residuals.
    """

    factor: float
    previous: float
    samples: int
    noise: float


class DriftDetector:
    """One part's residuals: log(measured / predicted) against the level last found, 0 at the start.

    A state machine without a clock: a sample in, a shift or nothing out. The noise is that of
    differences between neighbours, which a change of level does not widen; noise that is correlated
    from request to request looks narrower that way and alarms more often than the settings say.
    """

    def __init__(self, settings: DriftSettings) -> None:
        self._settings = settings
        self._cusum = Cusum(reference=_REFERENCE, threshold=threshold_for(settings.run_length, _REFERENCE))
        self._level = 0.0
        self._last: float | None = None
        self._recent: deque[float] = deque(maxlen=settings.window)
        self._steps: deque[float] = deque(maxlen=settings.window)

    @property
    def factor(self) -> float:
        """Measured over predicted, the median since the last shift, as far as the window reaches; 1 without samples."""
        return math.exp(median(self._recent)) if self._recent else 1.0

    def observe(self, predicted_s: float, measured_s: float) -> Shift | None:
        """Take the seconds of one request; returns the shift that they prove.

        Raises FitError where either is not positive and finite: such a part cannot be watched.
        """
        if not (0.0 < predicted_s < math.inf and 0.0 < measured_s < math.inf):
            raise FitError(f"{measured_s!r} s measured, {predicted_s!r} s predicted; expected both above 0 and finite")
        residual = math.log(measured_s) - math.log(predicted_s)
        self._recent.append(residual)
        if self._last is not None:
            self._steps.append(abs(residual - self._last))
        self._last = residual
        if len(self._steps) < _LEAST_NOISE:
            return None
        noise = _NORMAL * median(self._steps)
        alarmed = self._cusum.add((residual - self._level) / max(_DOUBT * noise, self._settings.tolerance))
        if not alarmed or self._cusum.run < _LEAST_LEVEL:
            return None
        return self._moved(noise)

    def _moved(self, noise: float) -> Shift:
        run, previous = self._cusum.run, self._level
        since = list(self._recent)[-run:]
        self._recent = deque(since, maxlen=self._settings.window)
        self._level = median(since)
        self._cusum.restart()
        return Shift(factor=math.exp(self._level), previous=math.exp(previous), samples=run, noise=noise)
