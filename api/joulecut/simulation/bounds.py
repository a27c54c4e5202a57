"""What no policy can beat on a trace, beside what policies came to: `joulecut simulate --bounds`."""

from __future__ import annotations

from collections.abc import Sequence

from joulecut.simulation.rows import Bound
from joulecut_core.errors import ConfigError
from joulecut_planner.serving.bounds import fewest_misses, least_energy
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.simulation.traces import ArrivalTrace

_LEVEL = 0.01
"""Of the requests that may be missed, where that can be kept."""


def bound_of(
    trace: ArrivalTrace, costs: ServiceCosts, slo_s: float, *, utilisation: float | None, rate_hz: float | None
) -> Bound:
    """Fewest misses, and joules at least, of full precision with every arrival known; see `planner.serving.bounds`.

    Raises ConfigError for requests that have computed units already, or come over links: their deadlines differ.
    """
    if any(trace.entries) or (trace.arrival_s != trace.sent_s).any():
        raise ConfigError(
            "--bounds: some requests enter behind the first unit or come over a link; expected requests that have one "
            "deadline from their arrival and run whole: leave out the column entry, and --link"
        )
    arrivals_s: Sequence[float] = trace.arrival_s.tolist()
    fewest = fewest_misses(costs, arrivals_s, slo_s)
    allowed = max(fewest, int(_LEVEL * len(trace)))
    answered = allowed < len(trace)
    least_j, least_busy_j = (
        least_energy(costs, arrivals_s, slo_s, counts_idle=counts_idle).energy_per_request_j(allowed)
        if answered
        else None
        for counts_idle in (True, False)
    )
    if least_j is not None and least_busy_j is not None:
        # All joules are those without idle at least; each search is a bound of its own, and one may be the closer.
        least_j = max(least_j, least_busy_j)
    return Bound(
        utilisation=utilisation,
        rate_hz=rate_hz,
        requests=len(trace),
        fewest_misses=fewest,
        allowed_misses=allowed,
        least_energy_per_request_j=least_j,
        least_busy_energy_per_request_j=least_busy_j,
    )
