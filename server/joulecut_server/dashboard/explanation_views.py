"""The document that explains one session: sentences, figures, baselines, and the network's blocks."""

from __future__ import annotations

from joulecut_core.decoding import encode
from joulecut_core.networks import CutTable
from joulecut_planner.explanations.explanation import explanation_document
from joulecut_server.dashboard.comparison import Comparison
from joulecut_server.dashboard.deciding import Study
from joulecut_server.dashboard.kept_plans import ShownPlan
from joulecut_server.dashboard.reasons import reasons

EXPLAINED_SCHEMA = "joulecut.dashboard_explanation/1"


def explained(shown: ShownPlan, study: Study, compared: Comparison | None, table: CutTable) -> dict[str, object]:
    """A JSON object; `explanation` in it is joulecut.explanation/1, of the joint plan."""
    total_flops = sum(block.flops for block in table.blocks)
    blocks = [
        {
            "name": block.name,
            "work_share": block.flops / total_flops if total_flops else 1.0 / len(table.blocks),
            "bytes_after": table.cuts[block.index + 1].size_bytes,
        }
        for block in table.blocks
    ]
    return {
        "schema": EXPLAINED_SCHEMA,
        "session": shown.kept.session_id,
        "epoch": shown.epoch,
        "policy": shown.kept.request.policy,
        "cut": shown.plan.cut,
        "blocks": blocks,
        "reasons": encode(reasons(shown, study, compared)),
        "baselines": None if compared is None else encode(compared),
        "explanation": explanation_document(study.explanation),
    }
