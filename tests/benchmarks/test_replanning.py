"""Replays of a link: what is known by hand comes out, and re-planning is no worse than it claims."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.link_deciders import Joulecut, Offers, Oracle, Steady, steady_for_mean
from benchmarks.link_replay import RecordedLink, Replay
from benchmarks.replanning import csv_text, document, drawn, heavier, replayed

from joulecut_planner import load_problem

CAMERA = Path(__file__).parents[2] / "docs" / "examples" / "camera.json"
ROWS = tuple((float(second), 6e7 if second % 40 < 30 else 2e6) for second in range(80))
"""Fast for thirty seconds, then too slow for any cut of the example for ten, twice."""


def test_a_transfer_takes_what_the_recording_lets_through() -> None:
    """Bits are counted over steps, outages and the recording's end; in an outage none leave."""
    link = RecordedLink(((0.0, 8e6), (1.0, 0.0), (3.0, 4e6)))
    assert link.period_s == 5.0
    assert link.mean_bps == pytest.approx((8e6 + 2 * 4e6) / 5.0)
    assert link.sent(0.0, 500_000.0) == pytest.approx((0.5, 0.5))
    assert link.sent(0.5, 750_000.0) == pytest.approx((3.5, 1.0))
    assert link.sent(4.5, 500_000.0) == pytest.approx((5.25, 0.75))
    assert (link.bps_at(0.5), link.bps_at(2.0), link.bps_at(5.5)) == (8e6, 0.0, 8e6)


def test_a_link_that_never_changes_makes_everybody_an_oracle() -> None:
    """With the mean always true, the plan for it, the oracle's and joulecut's cost the same and change nothing."""
    offers = Offers.of(load_problem(CAMERA))
    link = RecordedLink(((0.0, 6e7), (10.0, 6e7)))
    deciders = (Oracle(offers, link), Joulecut(offers, link), steady_for_mean(offers.problem, link))
    outcomes = [Replay(offers.problem, link, decider, duration_s=20.0).run() for decider in deciders]
    for outcome in outcomes:
        assert outcome.switches == 0
        assert outcome.energy_j == pytest.approx(outcomes[0].energy_j, rel=1e-6)


def test_joulecut_leaves_a_collapse_and_comes_back() -> None:
    """Few late answers to each collapse, few changes, where a plan that is kept misses all of its ten seconds."""
    offers = Offers.of(load_problem(CAMERA))
    link = RecordedLink(ROWS)
    kept = Replay(offers.problem, link, Steady(offers.at(6e7), 6e7), duration_s=80.0).run()
    ours = Replay(offers.problem, link, Joulecut(offers, link), duration_s=80.0).run()
    assert kept.miss_share > 0.2
    assert ours.miss_share < kept.miss_share / 4
    assert 3 <= ours.switches <= 12
    assert ours.offloaded > 0.6 * ours.requests


def test_a_case_is_written_with_its_label_and_its_licence(tmp_path: Path) -> None:
    """Tables say that nothing was metered and whose recordings they are; a row for each decider."""
    recording = tmp_path / "wifi_made_1.csv"
    recording.write_text("time_s,bandwidth_bps\n" + "".join(f"{s},{b}\n" for s, b in ROWS), encoding="utf-8")
    offers = Offers.of(heavier(load_problem(CAMERA)))
    case = replayed("camera", offers, recording, held_out=True)
    others = drawn(case, offers, RecordedLink(ROWS))
    assert others.worst >= max(others.ours, case.outcomes["joulecut"].miss_share)
    text = document([case], [others])
    assert "With other draws" in text
    assert "estimated" in text
    assert "MIT" in text
    assert len(csv_text([case]).splitlines()) == 1 + len(case.outcomes)
