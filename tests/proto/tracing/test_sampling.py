"""Which requests are traced, whatever edges ask for."""

from __future__ import annotations

import random

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler

from joulecut_core.timing import ManualClock
from joulecut_proto.tracing.sampling import sampler


def taken(chosen: Sampler, trace_ids: list[int], *, parent: bool | None) -> int:
    """How many are traced. `parent`: the flag of the edge's span; None for requests that nobody traces yet."""

    def context(trace_id: int) -> Context:
        if parent is None:
            return Context()
        flags = trace.TraceFlags(int(parent))
        return trace.set_span_in_context(
            trace.NonRecordingSpan(trace.SpanContext(trace_id, 1, is_remote=True, trace_flags=flags)), Context()
        )

    results = (chosen.should_sample(context(trace_id), trace_id, "request") for trace_id in trace_ids)
    return sum(result.decision is Decision.RECORD_AND_SAMPLE for result in results)


def ids(count: int) -> list[int]:
    """Random trace ids."""
    numbers = random.Random(5)  # noqa: S311 - nobody's secret
    return [numbers.getrandbits(128) for _ in range(count)]


def test_a_share_of_requests() -> None:
    """About the ratio is traced, all at 1 and none at 0."""
    assert 150 <= taken(sampler(0.2, 1e9), ids(1000), parent=None) <= 250
    assert taken(sampler(1.0, 1e9), ids(100), parent=None) == 100
    assert taken(sampler(0.0, 1e9), ids(100), parent=None) == 0


def test_an_edge_may_ask_for_less_but_not_for_more() -> None:
    """What an edge does not trace its server does not; what it does trace, only by the server's own ratio."""
    assert taken(sampler(1.0, 1e9), ids(100), parent=False) == 0
    assert 150 <= taken(sampler(0.2, 1e9), ids(1000), parent=True) <= 250


def test_both_sides_agree_on_the_same_requests() -> None:
    """Equal ratios take the same traces, so that none is half there."""
    edge = [each for each in ids(500) if taken(sampler(0.2, 1e9), [each], parent=None)]
    assert taken(sampler(0.2, 1e9), edge, parent=True) == len(edge)


def test_an_edge_that_chooses_its_ids_is_held_by_the_rate() -> None:
    """Ids that pass any ratio get no more than the rate, and again as much a second later."""
    clock = ManualClock()
    chosen = sampler(0.01, 10.0, clock)
    favoured = [number << 64 | number for number in range(1, 101)]
    assert taken(chosen, favoured, parent=True) == 10
    clock.advance_s(0.5)
    assert taken(chosen, favoured, parent=True) == 5
