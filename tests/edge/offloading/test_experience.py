"""What the next plan is made of, by what the requests under the one in force showed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from joulecut_core.problems import Slo
from joulecut_edge.offloading.experience import Experience, PlanBasis
from joulecut_planner import Policy
from joulecut_planner.drift import Corrections
from joulecut_proto.planning_messages import StageFactors
from tests.edge.offloading.test_replanning import PROBLEM
from tests.edge.session_parts import LINK, Bench, active_plan

PLANNED = StageFactors(head=2.0, encode=3.0, decode=4.0, tail=5.0)
BASIS = PlanBasis(PROBLEM, LINK, PLANNED, Slo(), "a:1")
GOVERNED = replace(active_plan(2, edge_clock=None).assignment, policy=Policy.GOVERNOR.value)


@pytest.fixture(name="bench")
def _bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A session under a corrected plan, whose requests found the link four times as slow and encoding twice."""
    with Bench(local=replace(active_plan(2), link=LINK, factors=PLANNED)) as bench:
        monkeypatch.setattr(bench.session.drift, "corrections_of", lambda _: Corrections(link=4.0, encode=2.0))
        yield bench


def test_link_and_tables_are_corrected_by_what_requests_showed(bench: Bench) -> None:
    """On top of what the plan in force was corrected by; the link counts as found out and not measured."""
    experience = Experience(bench.session, refit=True)
    experience.basis = BASIS
    link, factors = experience.applied_to(LINK, "a:1")
    assert (link.uplink_bps, link.rtt_s) == (LINK.uplink_bps / 4.0, LINK.rtt_s * 4.0)
    assert factors == replace(PLANNED, encode=6.0)
    assert experience.link_is_rescaled


def test_another_link_and_another_server_are_taken_as_they_are(bench: Bench) -> None:
    """What was found of a link or of a server's stages is not held against others."""
    experience = Experience(bench.session, refit=True)
    experience.basis = BASIS
    other = replace(LINK, rtt_s=2.0)
    assert experience.applied_to(other, "b:1") == (other, replace(PLANNED, encode=6.0, decode=1.0, tail=1.0))
    assert not experience.link_is_rescaled


def test_without_refitting_nothing_is_corrected(bench: Bench) -> None:
    """Whatever requests showed: the user wants plans made of what was measured."""
    assert Experience(bench.session, refit=False).applied_to(LINK, "a:1") == (LINK, StageFactors())


def test_what_was_measured_under_the_governor_is_not_corrected(bench: Bench) -> None:
    """It is no table of clocks."""
    active = replace(bench.session.active, assignment=GOVERNED)
    asyncio.run(bench.session.switch(active, None))
    experience = Experience(bench.session, refit=True)
    experience.basis = BASIS
    assert experience.applied_to(LINK, "a:1") == (LINK, PLANNED)
