"""The same problem over another link or under another deadline.

The tables were checked when the problem was made. Here only what changes is checked, which for
large tables is thousands of times less work than making the problem again.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from enum import Enum

from joulecut_core.problem_rules import POSITIVE, check_number
from joulecut_core.problems import Link, Problem, Slo


class Downlink(str, Enum):
    """What the downlink does when the uplink changes."""

    FIXED = "fixed"
    """It stays as it is."""
    PROPORTIONAL = "proportional"
    """It keeps its ratio to the uplink."""


def with_uplink(problem: Problem, uplink_bps: float, downlink: Downlink = Downlink.FIXED) -> Problem:
    """The problem with another uplink, in bits per second. Raises ProblemError where it is not finite and above 0."""
    check_number("uplink_bps", uplink_bps, POSITIVE)
    link = problem.link
    downlink_bps = link.downlink_bps
    if downlink is Downlink.PROPORTIONAL:
        downlink_bps = downlink_bps * (uplink_bps / link.uplink_bps)
        check_number("downlink_bps", downlink_bps, POSITIVE)
    return _with(problem, link=replace(link, uplink_bps=uplink_bps, downlink_bps=downlink_bps))


def with_deadline(problem: Problem, latency_s: float | None) -> Problem:
    """The problem with another deadline, None for none. Raises ProblemError where it is not finite and above 0."""
    if latency_s is not None:
        check_number("latency_s", latency_s, POSITIVE)
    return _with(problem, slo=replace(problem.slo, latency_s=latency_s))


def _with(problem: Problem, *, link: Link | None = None, slo: Slo | None = None) -> Problem:
    changed = copy.copy(problem)
    if link is not None:
        object.__setattr__(changed, "link", link)
    if slo is not None:
        object.__setattr__(changed, "slo", slo)
    return changed
