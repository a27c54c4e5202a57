"""Requests for tests of policies: periodic, Poisson and bursty, and drawn ones with everything mixed."""

from __future__ import annotations

import random

import numpy as np

from joulecut_core.serving import QueuedRequest

SLO_S = 0.015
"""Three times what a lone request takes on the made-up device."""


def periodic(rate_hz: float, count: int, *, start_s: float = 0.0, slo_s: float = SLO_S) -> list[QueuedRequest]:
    """One every 1 / rate_hz."""
    times_s = [start_s + index / rate_hz for index in range(count)]
    return [QueuedRequest(index, at_s, at_s + slo_s) for index, at_s in enumerate(times_s)]


def poisson(rate_hz: float, count: int, seed: int, *, slo_s: float = SLO_S) -> list[QueuedRequest]:
    """Exponential gaps."""
    times_s = np.cumsum(np.random.default_rng(seed).exponential(1.0 / rate_hz, count)).tolist()
    return [QueuedRequest(index, at_s, at_s + slo_s) for index, at_s in enumerate(times_s)]


def drawn(seed: int, count: int, *, units: int) -> list[QueuedRequest]:
    """Gaps, deadlines, entries, edges and priorities, all drawn; bursts among them."""
    rng = random.Random(seed)  # noqa: S311 - a test's choice
    rate_hz = rng.choice((20.0, 100.0, 400.0))
    split, ranked = rng.random() < 0.5, rng.random() < 0.5
    requests, now_s = [], 0.0
    for index in range(count):
        now_s += 0.0 if rng.random() < 0.3 else rng.expovariate(rate_hz)
        requests.append(
            QueuedRequest(
                index,
                now_s,
                now_s + rng.choice((0.001, 0.02, 0.05, 0.5)),
                entry=rng.randrange(units) if split else 0,
                edge=rng.choice("abc"),
                priority=rng.randrange(3) if ranked else 0,
            )
        )
    return requests
