"""Plans as JSON (contract `joulecut.plan/1`)."""

from __future__ import annotations

from joulecut_core.decoding import encode
from joulecut_core.plans import Plan


def plan_document(plan: Plan) -> dict[str, object]:
    """The plan as the contract's JSON object."""
    document: dict[str, object] = encode(plan)
    return {"schema": plan.schema} | document
