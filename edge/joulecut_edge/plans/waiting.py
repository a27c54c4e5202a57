"""What an edge draws when it computes nothing, by its own profile."""

from __future__ import annotations

from joulecut_core.clocks import OperatingPoint
from joulecut_core.profiles import Profile
from joulecut_planner.side_models import side_model


def waiting_w(profile: Profile, clock: OperatingPoint | None) -> float:
    """Watts at the profile's clock that is nearest to a plan's; 0 under the board's governor, where nobody knows them.

    Raises FitError or ProfileError where the profile carries no model.
    """
    if clock is None:
        return 0.0
    model = side_model(profile)

    def distance(index: int) -> tuple[float, float]:
        point = model.points[index]
        return abs((point.memory_mhz or 0.0) - (clock.memory_mhz or 0.0)), abs(point.core_mhz - clock.core_mhz)

    return float(model.wait_w[min(range(len(model.points)), key=distance)])
