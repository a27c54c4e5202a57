"""Requests for tests of the joint policy, drawn by a seed, and a policy whose forecast is told."""

from __future__ import annotations

import numpy as np

from joulecut_core.serving import QueuedRequest
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.forecast import ArrivalForecast, ArrivalMonitor


class Told(ArrivalMonitor):
    """Forecasts what it was made with, whatever comes."""

    def __init__(self, forecast: ArrivalForecast) -> None:
        super().__init__(1.0, 1.0)
        self.told = forecast

    def forecast(self, now_s: float) -> ArrivalForecast:
        del now_s
        return self.told


def poisson(rate_hz: float, slo_s: float, *, count: int, seed: int) -> list[QueuedRequest]:
    """Requests of one service level at random times."""
    times_s = np.cumsum(np.random.default_rng(seed).exponential(1.0 / rate_hz, count)).tolist()
    return [QueuedRequest(index, time_s, time_s + slo_s) for index, time_s in enumerate(times_s)]


def mixed(seed: int, slo_s: float, units: int, *, count: int) -> list[QueuedRequest]:
    """Requests of all kinds: bursts and gaps, urgent and patient, of several edges, priorities and entries."""
    rng = np.random.default_rng(seed)
    time_s, requests = 0.0, []
    for index in range(count):
        time_s += float(rng.exponential(slo_s * rng.choice((0.0, 0.05, 0.4, 3.0))))
        requests.append(
            QueuedRequest(
                index,
                time_s,
                time_s + slo_s * float(rng.choice((0.1, 0.6, 1.0, 1.0, 4.0))),
                entry=int(rng.integers(units)),
                edge=f"edge {rng.integers(3)}",
                priority=int(rng.integers(2)),
            )
        )
    return requests


def three_lone_s(costs: ServiceCosts) -> float:
    """The usual service level: three times a request alone at the highest clock, in full precision."""
    return 3.0 * costs.time_s(0, 1, costs.top)
