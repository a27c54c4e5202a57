"""The sweep as a table: one row per scenario, millijoules per request, empty where the SLO is not kept."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from benchmarks.scenarios.outcomes import Outcome
from benchmarks.scenarios.variations import SENSITIVITY
from joulecut_planner import Policy

_POLICIES = tuple(policy for policy in Policy if policy is not Policy.JOINT)

COLUMNS = (
    "board",
    "server",
    "uplink_mbps",
    "access",
    "rate_hz",
    "deadline_ms",
    "objective",
    "verdict",
    "cut",
    "codec",
    "joint_mj",
    "all-server-best_mj",
    *(f"{policy.value}_mj" for policy in _POLICIES),
    *(f"{variation.value}_{what}" for variation in SENSITIVITY for what in ("cut", "saving_pct")),
)
"""`edge-clock_mj` is everything on the edge at its best clocks, `all-server-best_mj` the same for the
server. `<variation>_cut` and `<variation>_saving_pct`: the joint plan's cut when planned so, and what
it saves against the best unsplit plan when planned so."""


def csv_text(outcomes: Iterable[Outcome]) -> str:
    """The whole table."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(csv_row(outcome) for outcome in outcomes)
    return text.getvalue()


def csv_row(outcome: Outcome) -> tuple[str, ...]:
    """The cells of one scenario."""
    setting, demand, contest = outcome.setting, outcome.demand, outcome.contest
    contests = [outcome.sensitivity[variation] for variation in SENSITIVITY]
    return (
        setting.board,
        setting.server,
        f"{setting.uplink_bps / 1e6:g}",
        setting.access.name,
        f"{demand.rate_hz:g}",
        f"{demand.deadline_s * 1e3:g}",
        demand.goal.value,
        outcome.verdict.value,
        _number(contest.cut),
        contest.codec or "",
        _millijoules(contest.energy_j),
        _millijoules(contest.all_server_j),
        *(_millijoules(outcome.policies[policy]) for policy in _POLICIES),
        *(cell for each in contests for cell in (_number(each.cut), _percent(each.saving))),
    )


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _millijoules(energy_j: float | None) -> str:
    return "" if energy_j is None else f"{energy_j * 1e3:.1f}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share * 1e2:.1f}"
