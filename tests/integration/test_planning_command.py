"""`joulecut plan --server`: a server-agent answers as the command itself does, to the byte and the exit code."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from joulecut_planner.fleet_file import fleet_document
from joulecut_server import agent as server_agent
from tests.e2e.programs import Finished, run_program
from tests.integration.planning_site import drawn_fleet, run
from tests.integration.site import Site
from tests.planner.small_document import small_document

pytestmark = pytest.mark.usefixtures("started_warm")

INFEASIBLE = small_document() | {"slo": {"latency_s": 1e-4}}
MALFORMED = small_document() | {"max_accuracy_loss": -1}


def without_seconds(done: Finished) -> tuple[int, str, str]:
    """How a program ended, but for how long its solver took."""
    return done.code, re.sub(r'("solve_s": )[^,}\s]+', r"\1_", done.out), done.err


def test_a_server_answers_as_the_command_does(site: Site, tmp_path: Path) -> None:
    """Plans, fronts and fleets, feasible or not, and a malformed problem's complaint."""
    questions: list[tuple[str, Mapping[str, Any], tuple[str, ...], int]] = [
        ("plan", small_document(), (), 0),
        ("front", small_document(), ("--pareto",), 0),
        ("fleet", fleet_document(drawn_fleet(2)), (), 0),
        ("nearest", INFEASIBLE, (), 3),
        ("malformed", MALFORMED, (), 2),
    ]
    for name, document, _, _ in questions:
        (tmp_path / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")

    async def test() -> None:
        async with server_agent.serving(site.server()) as address:
            for name, _, flags, code in questions:
                words = ("plan", f"{name}.json", "--json", *flags)
                here = await asyncio.to_thread(run_program, "joulecut", *words, folder=tmp_path)
                there = await asyncio.to_thread(run_program, "joulecut", *words, "--server", address, folder=tmp_path)
                assert without_seconds(there) == without_seconds(here)
                assert here.code == code
                assert bool(here.out) == (code != 2)

    run(test())


def test_what_a_server_cannot_do_for_the_command(tmp_path: Path) -> None:
    """Explanations and tables are made here; nobody at the address is one line and the exit code of a lost link."""
    (tmp_path / "plan.json").write_text(json.dumps(small_document()), encoding="utf-8")
    for flags in (("--explain",), ("--policy-table", "1:2")):
        done = run_program("joulecut", "plan", "plan.json", *flags, "--server", "unix:/nowhere", folder=tmp_path)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith("error: --server: given with --")
    done = run_program("joulecut", "plan", "plan.json", "--server", f"unix:{tmp_path}/nobody.sock", folder=tmp_path)
    assert (done.code, done.out) == (5, "")
    assert len(done.complaints) == 1
