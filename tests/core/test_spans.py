"""Spans without a collector, and stages that follow one another."""

from __future__ import annotations

import pytest

from joulecut_core.errors import ConfigError
from joulecut_core.spans import NO_SPAN, NO_TRACER, AttributeValue, Span, current_span, tell_stages


class Told:
    """A span that keeps its stages."""

    traceparent = ""
    trace_id = ""

    def __init__(self) -> None:
        self.stages: list[tuple[str, float, float]] = []

    def note(self, **attributes: AttributeValue | None) -> None:
        """Nothing."""

    def failed(self, error: BaseException) -> None:
        """Nothing."""

    def stage(self, name: str, *, start_s: float, end_s: float, **attributes: AttributeValue | None) -> None:
        """Keep it."""
        del attributes
        self.stages.append((name, start_s, end_s))

    def child(self, name: str, **attributes: object) -> Span:
        """Itself."""
        del name, attributes
        return self

    def __enter__(self) -> Span:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def test_nobody_collects_by_default() -> None:
    """Whatever is told to a span that nobody collects goes nowhere, errors pass, and no other process hears of it."""
    with NO_TRACER.span("a", cut=1) as span, span.child("b") as child:
        child.note(cut=2)
        child.stage("c", start_s=0.0, end_s=1.0)
        assert (child.traceparent, child.trace_id) == ("", "")
    with pytest.raises(ConfigError), child:
        raise ConfigError
    assert current_span() is NO_SPAN


def test_stages_follow_one_another() -> None:
    """One begins where the one before ended, none lasts longer than is known, and what took no time is not told."""
    span = Told()
    tell_stages(span, (("queue", 0.0), ("head", 2.0), ("encode", 0.5), ("late", 9.0)), start_s=1.0, until_s=4.0)
    assert span.stages == [("head", 1.0, 3.0), ("encode", 3.0, 3.5), ("late", 3.5, 4.0)]
