"""`joulecut explain`: why the plan of a problem is the plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from joulecut.commands.plan import plan


def explain(
    problem: Annotated[Path, typer.Argument(help="A planning problem, joulecut.problem/1 as JSON.")],
    json: Annotated[bool, typer.Option("--json", help="Print joulecut.explanation/1 as JSON.")] = False,
) -> None:
    """Say what the plan costs where, what binds, and what else there is; as `joulecut plan --explain`."""
    plan(problem, json=json, why=True)
