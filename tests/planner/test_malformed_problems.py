"""Sixty kinds of wrong problems, and more: each is refused with the JSON path, the value and what was expected."""

from __future__ import annotations

import json

import pytest

from joulecut_core.errors import ProblemError
from joulecut_planner.problem_file import parse_problem
from tests.planner.edited_document import MISSING, complaint, edited

HOME = {"codec": "none", "uplink_bytes": 0, "downlink_bytes": 0}
TABLE = "variants.0.edge.time_s"

KINDS: list[tuple[str, object, str]] = [
    # whole objects
    ("comment", "a note", "comment: unknown key"),
    ("slo", [], "slo: []"),
    ("slo", None, "slo: None"),
    ("objective", "fast", "objective: 'fast'"),
    ("edge", MISSING, "edge: missing"),
    ("edge", [1], "edge: [1]"),
    ("server", MISSING, "server: missing"),
    ("server", 3.5, "server: 3.5"),
    ("cuts", MISSING, "cuts: missing"),
    ("cuts", {"0": {}}, "cuts: {'0': {}}"),
    ("cuts", "all", "cuts: 'all'"),
    ("variants", MISSING, "variants: missing"),
    ("variants", [], "variants: empty"),
    ("variants", [None], "variants[0]: None"),
    # service level
    ("slo.latency_s", -0.05, "slo.latency_s: -0.05; expected a finite number above 0"),
    ("slo.latency_s", "50ms", "slo.latency_s: '50ms'"),
    ("slo.latency_s", True, "slo.latency_s: True"),
    ("slo.latency_s", [0.05], "slo.latency_s: [0.05]"),
    ("slo.quantile", 0.5, "slo.quantile: 0.5; expected a number above 0.5 and below 1"),
    ("slo.quantile", 1, "slo.quantile: 1.0"),
    ("slo.quantile", 99, "slo.quantile: 99.0"),
    ("slo.quantile", "p99", "slo.quantile: 'p99'"),
    ("slo.margin", "Gaussian", "slo.margin: 'Gaussian'; expected one of 'cantelli', 'gaussian'"),
    ("slo.margin", None, "slo.margin: None"),
    ("slo.rate_hz", 0, "slo.rate_hz: 0.0"),
    ("slo.rate_hz", -10, "slo.rate_hz: -10.0"),
    ("slo.rate_hz", {"hz": 10}, "slo.rate_hz: {'hz': 10}"),
    # budget and weights
    ("max_accuracy_loss", -0.01, "max_accuracy_loss: -0.01; expected a finite number of at least 0"),
    ("max_accuracy_loss", None, "max_accuracy_loss: None"),
    ("max_accuracy_loss", "1%", "max_accuracy_loss: '1%'"),
    ("objective.edge_weight", -1, "objective.edge_weight: -1.0"),
    ("objective.server_weight", None, "objective.server_weight: None"),
    ("objective.server_idle_share", -0.1, "objective.server_idle_share: -0.1; expected a number from 0 to 1"),
    ("objective.edge_wieght", 1, "objective.edge_wieght: unknown key; did you mean 'edge_weight'?"),
    # link
    ("link.downlink_bps", MISSING, "link.downlink_bps: missing"),
    ("link.downlink_bps", 0, "link.downlink_bps: 0.0; expected a finite number above 0"),
    ("link.uplink_bps", -2e7, "link.uplink_bps: -20000000.0"),
    ("link.uplink_bps", 10**400, "link.uplink_bps: 1"),
    ("link.rtt_s", MISSING, "link.rtt_s: missing"),
    ("link.rtt_s", None, "link.rtt_s: None"),
    ("link.latency_std_s", -0.001, "link.latency_std_s: -0.001"),
    ("link.uplink_w", "1.5", "link.uplink_w: '1.5'"),
    ("link.downlink_w", -1, "link.downlink_w: -1.0"),
    # operating points
    ("edge.points", MISSING, "edge.points: missing"),
    ("edge.points", "306", "edge.points: '306'"),
    ("edge.points.0.core_mhz", MISSING, "edge.points[0].core_mhz: missing"),
    ("edge.points.0.core_mhz", None, "edge.points[0].core_mhz: None"),
    ("edge.points.0.core_mhz", -306, "edge.points[0].core_mhz: -306.0"),
    ("edge.points.0.memory_mhz", MISSING, "edge.points[0].memory_mhz: missing"),
    ("edge.points.1.memory_mhz", -1, "edge.points[1].memory_mhz: -1.0"),
    ("edge.points.1.wait_w", -2, "edge.points[1].wait_w: -2.0"),
    ("edge.points.1.wait_w", False, "edge.points[1].wait_w: False"),
    ("server.points", [], "server.points: empty"),
    ("server.points.0", [], "server.points[0]: []"),
    ("server.points.0.idle_w", -70, "server.points[0].idle_w: -70.0"),
    ("server.points.0.wait_w", 3, "server.points[0].wait_w: unknown key"),
    ("server.power_scope", ["board"], "server.power_scope: ['board']"),
    # cuts and wires
    ("cuts", [{"name": "output", "wires": [HOME]}], "cuts: 1 of them; expected at least two"),
    ("cuts.1", "middle", "cuts[1]: 'middle'"),
    ("cuts.1.name", MISSING, "cuts[1].name: missing"),
    ("cuts.1.name", 7, "cuts[1].name: 7"),
    ("cuts.1.allowed", None, "cuts[1].allowed: None"),
    ("cuts.1.allowed", "yes", "cuts[1].allowed: 'yes'"),
    ("cuts.1.wires", MISSING, "cuts[1].wires: missing"),
    ("cuts.1.wires", [], "cuts[1].wires: empty"),
    ("cuts.1.wires", {}, "cuts[1].wires: {}"),
    ("cuts.0.wires.1.codec", MISSING, "cuts[0].wires[1].codec: missing"),
    ("cuts.0.wires.1.codec", None, "cuts[0].wires[1].codec: None"),
    ("cuts.0.wires.1.downlink_bytes", MISSING, "cuts[0].wires[1].downlink_bytes: missing"),
    ("cuts.0.wires.1.downlink_bytes", "4k", "cuts[0].wires[1].downlink_bytes: '4k'"),
    ("cuts.0.wires.1.accuracy_loss", -0.004, "cuts[0].wires[1].accuracy_loss: -0.004"),
    ("cuts.0.wires.1.encode_s", True, "cuts[0].wires[1].encode_s: True"),
    ("cuts.0.wires.1.decode_w", -20, "cuts[0].wires[1].decode_w: -20.0"),
    ("cuts.2.wires", [HOME, HOME], "cuts[2].wires: 2 wires; expected one, 'none'"),
    ("cuts.2.wires.0.codec", "raw", "cuts[2].wires[0].codec: 'raw'; expected 'none'"),
    ("cuts.2.wires.0.downlink_bytes", 4, "cuts[2].wires[0].downlink_bytes: 4.0; expected 0"),
    ("cuts.2.wires.0.encode_s", 0.1, "cuts[2].wires[0].encode_s: 0.1; expected 0"),
    ("cuts.2.wires.0.accuracy_loss", 0.1, "cuts[2].wires[0].accuracy_loss: 0.1; expected 0"),
    # variants and tables
    ("variants.0.name", MISSING, "variants[0].name: missing"),
    ("variants.0.name", ["fp32"], "variants[0].name: ['fp32']"),
    ("variants.0.accuracy_loss", -1, "variants[0].accuracy_loss: -1.0"),
    ("variants.0.precision", "fp16", "variants[0].precision: unknown key"),
    ("variants.0.edge", MISSING, "variants[0].edge: missing"),
    ("variants.0.server", [[0.002]], "variants[0].server: [[0.002]]"),
    ("variants.0.server.busy_w", MISSING, "variants[0].server.busy_w: missing"),
    ("variants.0.server.energy_j", [], "variants[0].server.energy_j: unknown key"),
    (TABLE, [], "variants[0].edge.time_s: 0 rows; expected 3, one for each cut"),
    (TABLE, None, "variants[0].edge.time_s: None"),
    (TABLE, "fast", "variants[0].edge.time_s: 'fast'"),
    (f"{TABLE}.1", [], "variants[0].edge.time_s[1]: 0 values; expected 2, one for each operating point"),
    (f"{TABLE}.1", 0.01, "variants[0].edge.time_s[1]: 0.01"),
    (f"{TABLE}.1", [0.01, 0.02, 0.03], "variants[0].edge.time_s[1]: 3 values"),
    (f"{TABLE}.1.1", -0.007, "variants[0].edge.time_s[1][1]: -0.007"),
    (f"{TABLE}.1.1", None, "variants[0].edge.time_s[1][1]: None"),
    (f"{TABLE}.1.1", 10**400, "variants[0].edge.time_s[1][1]: 1"),
    (f"{TABLE}.0.1", 0.001, "variants[0].edge.time_s[0][1]: 0.001; expected 0"),
    ("variants.0.edge.time_std_s.2", [0.001], "variants[0].edge.time_std_s[2]: 1 values"),
    ("variants.0.edge.time_std_s.2.0", -0.001, "variants[0].edge.time_std_s[2][0]: -0.001"),
    ("variants.0.server.busy_w.1", [210, 200], "variants[0].server.busy_w[1]: 2 values; expected 1"),
    ("variants.0.server.busy_w.1.0", "210W", "variants[0].server.busy_w[1][0]: '210W'"),
]


def test_there_are_sixty_kinds_and_no_kind_twice() -> None:
    """The list is as long as it claims."""
    assert len(KINDS) >= 60
    assert len({(path, repr(leaf)) for path, leaf, _ in KINDS}) == len(KINDS)


@pytest.mark.parametrize(("path", "leaf", "starts"), KINDS)
def test_refused_with_the_path(path: str, leaf: object, starts: str) -> None:
    """The same complaint for JSON text and for parsed objects, starting with where it is wrong."""
    document = edited(path, leaf)
    assert complaint(document).startswith(starts)
    assert complaint(json.dumps(document)).startswith(starts)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(
    "path",
    [
        "slo.latency_s",
        "slo.quantile",
        "slo.rate_hz",
        "max_accuracy_loss",
        "objective.server_weight",
        "link.uplink_bps",
        "edge.points.0.core_mhz",
        "edge.points.0.wait_w",
        "cuts.0.wires.0.uplink_bytes",
        "variants.0.accuracy_loss",
        "variants.0.server.time_s.0.0",
    ],
)
def test_no_number_may_be_infinite_or_none_at_all(path: str, value: float) -> None:
    """NaN and infinities are refused wherever a number stands, also in parsed objects that JSON never saw."""
    with pytest.raises(ProblemError) as caught:
        parse_problem(edited(path, value))
    where = "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in path.split(".")).lstrip(".")
    assert str(caught.value).startswith(f"{where}: ")
    assert "expected" in str(caught.value)
