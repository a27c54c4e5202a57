"""Transfers over a link of changing bandwidth end when their last bit is through."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_planner.serving.simulation.link_traces import LinkTrace
from tests.thoroughness import examples


def link(times_s: list[float], bandwidths_bps: list[float]) -> LinkTrace:
    return LinkTrace(time_s=np.array(times_s), bandwidth_bps=np.array(bandwidths_bps))


def delivered(trace: LinkTrace, payload_bytes: float, *sent_s: float) -> list[float]:
    found: list[float] = trace.delivered_s(np.array(sent_s), payload_bytes).tolist()
    return found


def test_transfers_by_hand() -> None:
    """8 bit/s, then nothing, then 16: one byte takes a second, waits out the outage, or half a second."""
    trace = link([0.0, 1.0, 2.0], [8.0, 0.0, 16.0])
    assert trace.period_s == 3.0
    assert delivered(trace, 1.0, 0.0) == pytest.approx([1.0])
    assert delivered(trace, 1.0, 0.5) == pytest.approx([2.25])
    assert delivered(trace, 1.0, 1.2) == pytest.approx([2.5])
    assert delivered(trace, 1.0, 2.75, 3.0) == pytest.approx([3.5, 5.25])


def test_a_link_carries_one_after_the_other() -> None:
    """Two bytes sent at once: the second comes a transfer later."""
    assert delivered(link([0.0], [8.0]), 1.0, 0.0, 0.0, 10.0) == pytest.approx([1.0, 2.0, 11.0])


@settings(max_examples=examples(50), deadline=None)
@given(st.integers(0, 10_000))
def test_as_a_step_by_step_account(seed: int) -> None:
    """The same as a loop that carries bit after bit, at any sending times, over several rounds."""
    rng = np.random.default_rng(seed)
    bandwidths = [float(b) for b in rng.choice([0.0, 5.0, 20.0, 80.0], 6)]
    bandwidths[rng.integers(6)] = 40.0
    times_s = [0.0, *np.cumsum(rng.uniform(0.5, 2.0, 5)).tolist()]
    trace = link(times_s, bandwidths)
    sent_s = np.sort(rng.uniform(0.0, 3.0 * trace.period_s, 12)).tolist()
    ends_s = [*times_s[1:], trace.period_s]
    expected, free_s = [], 0.0
    for start_s in sent_s:
        now_s, bits = max(start_s, free_s), 8.0 * 3.0
        while True:
            rounds, within_s = divmod(now_s, trace.period_s)
            step = max(index for index, time_s in enumerate(times_s) if time_s <= within_s)
            left_s = ends_s[step] - within_s
            if bandwidths[step] * left_s >= bits:
                now_s += bits / bandwidths[step]
                break
            bits -= bandwidths[step] * left_s
            now_s = rounds * trace.period_s + ends_s[step] + 1e-12
        free_s = now_s
        expected.append(now_s)
    assert delivered(trace, 3.0, *sent_s) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("times_s", "bandwidths_bps", "message"),
    [
        ([], [], "at least one"),
        ([0.0, 1.0], [1.0], "expected as many"),
        ([1.0], [1.0], "ascend from 0"),
        ([0.0, 0.0], [1.0, 1.0], "ascend from 0"),
        ([0.0], [0.0], "one of them above"),
        ([0.0], [-1.0], "at least 0"),
        ([0.0], [math.inf], "finite"),
    ],
)
def test_a_link_that_is_none_is_refused(times_s: list[float], bandwidths_bps: list[float], message: str) -> None:
    """Over a link that never carries anything nothing would ever arrive."""
    with pytest.raises(ValueError, match=message):
        link(times_s, bandwidths_bps)
