"""Which requests are traced: a share of them, so many a second, and of an edge's wishes no more than that.

A trace is one whole: where an edge does not trace a request, its server does not either. Where it does, the server
takes the same share by the same rule of the trace's id, so that equal ratios agree. An edge that chooses its ids to
be traced always is held by the rate.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanKind
from opentelemetry.trace.span import TraceState
from opentelemetry.util.types import Attributes

from joulecut_core.timing import Clock, SystemClock


class AtMost(Sampler):
    """What another sampler takes, up to `most_per_s` spans a second of the wall; a second's worth may come at once."""

    def __init__(self, sampler: Sampler, most_per_s: float, clock: Clock | None = None) -> None:
        self._sampler = sampler
        self._most_per_s = most_per_s
        self._clock = clock or SystemClock()
        self._room = max(most_per_s, 1.0)
        self._seen_s = self._clock.now_s()
        self._lock = threading.Lock()

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """See `Sampler.should_sample`."""
        result = self._sampler.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        if result.decision is Decision.DROP or self._takes():
            return result
        return SamplingResult(Decision.DROP)

    def get_description(self) -> str:
        """See `Sampler.get_description`."""
        return f"AtMost{{{self._most_per_s:g}/s,{self._sampler.get_description()}}}"

    def _takes(self) -> bool:
        with self._lock:
            now_s = self._clock.now_s()
            fresh = (now_s - self._seen_s) * self._most_per_s
            self._room, self._seen_s = min(self._room + fresh, max(self._most_per_s, 1.0)), now_s
            if self._room < 1.0:
                return False
            self._room -= 1.0
            return True


def sampler(ratio: float, most_per_s: float, clock: Clock | None = None) -> Sampler:
    """Which requests an agent traces. Parts of a request that is traced are all taken."""
    taken = AtMost(TraceIdRatioBased(ratio), most_per_s, clock)
    return ParentBased(
        taken,
        remote_parent_sampled=taken,
        remote_parent_not_sampled=ALWAYS_OFF,
        local_parent_sampled=ALWAYS_ON,
        local_parent_not_sampled=ALWAYS_OFF,
    )
