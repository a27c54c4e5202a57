"""The demo from start to end on the installed agents, shortened: every policy runs and the JSON is as promised."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from joulecut.demo.course import Reporter, run_demo
from joulecut.demo.report import demo_document, report_of
from joulecut.reports.document import page as page_of
from joulecut_planner import Policy
from tests.e2e.pair import SCENARIO, SLOWDOWN, Packed

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("started_warm")]

_POLICY_KEYS = {
    "policy",
    "cut",
    "edge_clock",
    "server_clock",
    "codec",
    "predicted",
    "metered",
    "requests",
    "deadline_misses",
    "top1_agreement",
}
_METERED_KEYS = {"latency_p50_s", "latency_p99_s", "energy_j", "edge_energy_j", "server_energy_j"}


def test_the_course_of_the_demo(packed: Packed, tmp_path: Path) -> None:
    """Each policy is planned, run and metered; the document has the promised keys and only finite figures."""
    scenario = replace(SCENARIO, requests=4, objectives=SCENARIO.objectives[-1:], sweep_bps=(5e6, 50e6))
    stages: list[str] = []
    totals: list[int] = []
    answered: list[None] = []
    report = Reporter(stage=stages.append, total=totals.append, answered=lambda: answered.append(None))
    workplace = packed.workplace(tmp_path)
    result = run_demo(scenario, workplace, packed.network, slowdown=SLOWDOWN, reprofile=False, report=report)

    document: list[dict[str, Any]] = json.loads(json.dumps(demo_document(result), allow_nan=False))
    (objective,) = document
    assert set(objective) >= {"objective", "slo_s", "policies", "labels"}
    assert objective["objective"] == "battery"
    assert objective["slo_s"] == scenario.slo_s
    assert objective["labels"]["energy"] == "emulated"
    policies = {policy["policy"]: policy for policy in objective["policies"]}
    assert list(policies) == [policy.value for policy in Policy]
    last = packed.network.table.last
    for policy in policies.values():
        assert set(policy) >= _POLICY_KEYS
        assert set(policy["predicted"]) >= {"latency_s", "energy_j"}
        assert set(policy["metered"]) >= _METERED_KEYS
        assert policy["requests"] == scenario.requests
        assert 0 <= policy["deadline_misses"] <= scenario.requests
        assert 0 <= policy["cut"] <= last
        figures = [*policy["predicted"].values(), *policy["metered"].values()]
        assert all(math.isfinite(figure) and figure >= 0 for figure in figures)
        metered = policy["metered"]
        assert 0 < metered["latency_p50_s"] <= metered["latency_p99_s"]
        # The battery's objective: the server's joules are told, and not counted.
        assert metered["energy_j"] == pytest.approx(metered["edge_energy_j"])
        assert (metered["server_energy_j"] > 0) is (policy["cut"] < last)
        assert policy["codec"] in ("raw", "fp16", "none")
        assert policy["top1_agreement"] == 1.0
    assert policies["all-edge"]["cut"] == policies["edge-clock"]["cut"] == policies["governor"]["cut"] == last
    assert policies["all-server"]["cut"] == 0
    assert policies["governor"]["edge_clock"] is None
    assert 0 < policies["joint"]["cut"] < last

    assert result.fallbacks == 0
    assert len(answered) == totals[0]
    assert stages[0] == "starting the agents"
    assert [(row.objective, row.bandwidth_bps) for row in result.sweep] == [("battery", 5e6), ("battery", 50e6)]
    page = page_of(report_of(scenario, result))
    assert all(policy in page for policy in policies)
