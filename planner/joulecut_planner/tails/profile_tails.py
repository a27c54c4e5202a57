"""The tail of one side's times, from the runs that its profile keeps."""

from __future__ import annotations

import numpy as np

from joulecut_core.errors import ProfileError
from joulecut_core.profiles import Profile
from joulecut_planner.choices.grids import Array
from joulecut_planner.tails.estimation import fit_tail
from joulecut_planner.tails.peaks import LEVEL
from joulecut_planner.tails.tail import Tail, TailMethod


def relative_times(profile: Profile) -> Array:
    """Seconds of whole runs over their operating point's mean, point after point, each in the order it ran.

    Pooled because one point holds tens of runs and a tail needs hundreds: valid where noise is the same
    share of the time at every clock. Raises ProfileError where the profile kept no runs.
    """
    series = [np.array(point.samples_s) / point.whole_s for point in profile.points if point.samples_s]
    if not series:
        raise ProfileError(
            f"points: the profile of {profile.key.device} keeps no samples_s of single runs; expected some for a tail: "
            "profile again with this version, or plan with standard deviations"
        )
    return np.concatenate(series)


def profile_tail(profile: Profile, method: TailMethod, *, level: float = LEVEL) -> Tail:
    """The tail of measured over mean seconds of this side, for `TailEstimates.edge` or `.server`.

    Raises ProfileError without samples, FitError where they cannot carry the method.
    """
    return fit_tail(relative_times(profile), method, level=level)
