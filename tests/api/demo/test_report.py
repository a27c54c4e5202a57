"""What the demo tells: the document for programs, the sentences and tables for people."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from joulecut.demo.course import DemoResult
from joulecut.demo.report import alone_sentence, demo_document, print_report, saving_sentence
from joulecut.demo.results import labels
from joulecut.demo.scenario import Scenario
from joulecut.demo.tables import POLICY_COLUMNS, SWEEP_COLUMNS, policy_row, sweep_row
from joulecut_core.devices import DeviceInfo
from joulecut_core.figures import FigureKind
from joulecut_planner import Policy
from tests.api.demo_samples import EVERY_POLICY, INFEASIBLE_ROW, SPLIT_ROW, objective_result, policy_result

RESULT = DemoResult(
    objectives=(EVERY_POLICY, replace(EVERY_POLICY, objective="battery")),
    sweep=(INFEASIBLE_ROW, SPLIT_ROW),
    fallbacks=0,
)


def test_the_document() -> None:
    """One object per objective with the promised keys; clocks as objects, or null under a governor."""
    document = json.loads(json.dumps(demo_document(RESULT), allow_nan=False))
    assert [each["objective"] for each in document] == ["total", "battery"]
    for each in document:
        assert set(each) >= {"objective", "slo_s", "policies", "labels"}
        assert each["labels"]["energy"] == "emulated"
        assert [policy["policy"] for policy in each["policies"]] == [policy.value for policy in Policy]
    first = document[0]["policies"][0]
    assert first["edge_clock"] == {"core_mhz": 306.0, "memory_mhz": 665.6}
    assert first["predicted"] == {"latency_s": 0.0211, "energy_j": pytest.approx(0.099)}
    assert set(first["metered"]) >= {
        "latency_p50_s",
        "latency_p99_s",
        "energy_j",
        "edge_energy_j",
        "server_energy_j",
    }
    assert (first["requests"], first["deadline_misses"], first["top1_agreement"]) == (40, 0, 0.975)
    governor = next(policy for policy in document[0]["policies"] if policy["policy"] == "governor")
    assert governor["edge_clock"] is None


def _info(scope: str, figures: FigureKind) -> DeviceInfo:
    return DeviceInfo(
        name="d", backend="b", uid="u", driver="1", power_scope=scope, figures=figures, meter_period_s=0.02
    )


def test_labels() -> None:
    """Emulated only where both sides are; what mixes sources is estimated; what the joules contain is named."""
    edge, server = _info("module input", FigureKind.EMULATED), _info("GPU board", FigureKind.EMULATED)
    emulated = labels(edge, server, (4.0, 8.0))
    assert (emulated["energy"], emulated["slowdown"]) == ("emulated", "4 and 8")
    assert emulated["energy_scope"] == "module input + GPU board, without the server's host"
    mixed = labels(replace(edge, figures=FigureKind.MEASURED), server, (1.0,))
    assert (mixed["energy"], mixed["latency"], mixed["link"]) == ("estimated", "estimated", "emulated")


def test_the_report_says_what_the_joules_contain() -> None:
    """A sum over a module and a GPU board is not the draw of two machines, and the terminal says so once."""
    shown = io.StringIO()
    print_report(Scenario(), RESULT, Console(file=shown, width=200))
    assert shown.getvalue().count("module input + GPU board, without the server's host") == 1


def test_requests_finished_alone() -> None:
    """Why is not known of each: warm-ups that came late are among them."""
    assert alone_sentence(1).startswith("1 request was finished by the edge alone: an answer came too late, or")
    assert alone_sentence(3).startswith("3 requests were finished")


def test_the_sentence() -> None:
    """Against what people run today, and against the best other configuration in time; worse is said, too."""
    result = objective_result(
        policy_result("governor", energy_j=0.200, cut=4),
        policy_result("all-edge", energy_j=0.125, cut=4),
        policy_result("all-server", energy_j=0.050, cut=0, keeps_slo=False),
        policy_result("energy-cut", energy_j=0.100),
        policy_result("joint", energy_j=0.100),
        objective="battery",
    )
    assert saving_sentence(result) == (
        "Objective battery: the joint plan (cut after middle) takes 100.0 mJ a request, 50.0% less than the stock "
        "governor and 20.0% less than the best other configuration that keeps the deadline (all-edge)."
    )
    worse = replace(result, policies=(*result.policies[:-1], policy_result("joint", energy_j=0.250, cut=4)))
    assert "(all on the edge) takes 250.0 mJ a request, 25.0% more than the stock governor" in saving_sentence(worse)
    served = replace(result, policies=(*result.policies[:-1], policy_result("joint", cut=0)))
    assert "(all on the server)" in saving_sentence(served)


def test_the_sentence_without_rivals() -> None:
    """Where nothing else is in time, it does not compare."""
    result = objective_result(
        policy_result("governor", energy_j=0.2, cut=4, keeps_slo=False), policy_result("joint", energy_j=0.1)
    )
    assert saving_sentence(result).endswith("50.0% less than the stock governor.")


def test_a_policys_row() -> None:
    """One cell per column, milliseconds and millijoules, the edge's joules without the radio's."""
    row = dict(zip(POLICY_COLUMNS, policy_row(policy_result("joint", energy_j=0.0999)), strict=False))
    cells = policy_row(policy_result("joint", energy_j=0.0999))
    assert len(cells) == len(POLICY_COLUMNS)
    assert cells[:5] == ("joint", "2 middle", "306/665.6", "1590/5001", "fp16")
    assert cells[5:10] == ("22.2", "(21.1)", "33.3", "99.9", "(98.9)")
    assert (row["edge"], row["radio"], row["server"], row["missed"], row["top-1"]) == (
        "80.0",
        "5.5",
        "14.4",
        "0/40",
        "98%",
    )
    local = policy_row(policy_result("governor", cut=4))
    assert local[2:4] == ("governor", "-")


def test_a_bandwidths_row() -> None:
    """The split by its cut, the saving against the better of the unsplit plans, dashes where there is no plan."""
    row = dict(zip(SWEEP_COLUMNS, sweep_row(SPLIT_ROW), strict=True))
    assert row["joint plan"] == "split: 2 middle"
    assert (row["Mbit/s"], row["mJ"], row["all-edge"], row["all-server"]) == ("25", "80.0", "100.0", "160.0")
    assert row["split saves"] == "20.0%"
    alone = sweep_row(replace(SPLIT_ROW, verdict="all-edge", cut=4, energy_j=0.1))
    assert (alone[2], alone[-1]) == ("all-edge", "0.0%")
    assert sweep_row(INFEASIBLE_ROW) == ("battery", "1", "infeasible", "-", "-", "-", "-", "-", "-")


@pytest.mark.parametrize("width", [40, 200])
def test_the_report_loses_no_cell(width: int) -> None:
    """On the console it was given: every policy and figure whole, even where the terminal is narrow."""
    shown = io.StringIO()
    print_report(Scenario(), RESULT, Console(file=shown, width=width))
    text = shown.getvalue()
    for objective in RESULT.objectives:
        for policy in objective.policies:
            (line,) = (
                line
                for line in text.split(f"objective: {objective.objective}")[1].splitlines()[: len(Policy) + 4]
                if line.split()[:1] == [policy.policy]
            )
            assert line.split() == " ".join(policy_row(policy)).split()
    assert "split: 2 middle" in text
    assert "…" not in text
    words = " ".join(text.split())
    assert all(saving_sentence(objective) in words for objective in RESULT.objectives)
