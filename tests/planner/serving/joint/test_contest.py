"""Who should be in charge: not before a lead is beyond chance, and repays what changing costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from joulecut_planner.serving.joint.contest import Contest, ContestRules

_RULES = ContestRules(block_s=1.0, remembered_blocks=200.0, tolerated_share=0.01, tolerated_j=2.0, beyond_j=100.0)


def _blocks_until_beaten(differences_j: Sequence[float], *, changing_j: float = 0.0, in_charge: int = 0) -> int:
    """After how many blocks of one second, of four requests each, the other one is to take over; 0 for never."""
    contest, blocks = Contest(_RULES), 0
    for index, difference_j in enumerate(differences_j):
        for quarter in range(4):
            drawn = (10.0 + difference_j / 4.0, 0), (10.0, 0)
            if contest.came(index + quarter / 4.0, drawn):
                blocks += 1
                if contest.is_beaten(in_charge, changing_j, 0.0):
                    return blocks
    return 0


def test_a_steady_lead_is_believed_after_nine_blocks() -> None:
    """However small it is; and never the lead of the one in charge."""
    for lead_j in (1e-3, 5.0):
        assert 9 <= _blocks_until_beaten([lead_j] * 40) <= 11
        assert _blocks_until_beaten([lead_j] * 40, in_charge=1) == 0


def test_chance_alone_seldom_changes_hands() -> None:
    """Differences without a mean, of any spread: one course of 300 blocks in eleven is fooled, roughly."""
    rng = np.random.default_rng(5)
    courses = [rng.normal(0.0, spread, 300).tolist() for spread in (0.1, 1.0, 10.0, 100.0) for _ in range(10)]
    assert sum(_blocks_until_beaten(course) > 0 for course in courses) <= 9


def test_a_clear_lead_among_noise_is_found() -> None:
    """A mean of a third of the spread takes some dozens of blocks."""
    rng = np.random.default_rng(6)
    blocks = sorted(_blocks_until_beaten(rng.normal(1.0, 3.0, 400).tolist()) for _ in range(15))
    assert blocks[0] >= 9
    assert 20 < blocks[7] < 100


def test_a_hand_over_has_to_pay_back() -> None:
    """The lead covers a change there and back before anything happens."""
    assert _blocks_until_beaten([1.0] * 150, changing_j=25.0) >= 50
    assert _blocks_until_beaten([1.0] * 150, changing_j=500.0) == 0


def test_who_comes_during_a_change_counts() -> None:
    """Seconds of a change cost the requests that come meanwhile."""
    contest = Contest(_RULES)
    for number in range(80):
        contest.came(number / 4.0, ((2.0, 0), (1.0, 0)))
    assert contest.is_beaten(0, 0.0, 0.0)
    # Four come in each of ten seconds: 80 joules there, and as many back.
    assert not contest.is_beaten(0, 0.0, 10.0)


def test_misses_beyond_the_tolerated_are_dear() -> None:
    """A few misses are worth the joules they save, many are not."""
    for missed_each, beaten in ((0, True), (1, False)):
        contest = Contest(_RULES)
        for number in range(400):
            contest.came(number / 4.0, ((10.0, 0), (9.0, missed_each)))
        assert contest.is_beaten(0, 0.0, 0.0) is beaten


def test_silence_lets_leads_fade() -> None:
    """What was long ago says little: after a silence of twice the memory, the lead does not pay for a change."""
    contest = Contest(replace(_RULES, remembered_blocks=20.0))
    for number in range(80):
        contest.came(number / 4.0, ((10.0, 0), (9.0, 0)))
    assert contest.is_beaten(0, 4.0, 0.0)
    contest.came(60.0, ((0.0, 0), (0.0, 0)))
    assert not contest.is_beaten(0, 4.0, 0.0)
