"""What deploy/observability ships fits the agents: its metrics and labels exist, its queries parse, its rules fire."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser
import pytest
import yaml

from joulecut_core.devices import ThrottleReason
from joulecut_core.ledgers import FallbackReason
from joulecut_proto.inference_messages import ReplyStatus
from joulecut_proto.tracing.options import TracesOptions
from joulecut_runtime.metrics.options import MetricsOptions
from tests.architecture.metrics_page import reference
from tests.architecture.tree import ROOT

FOLDER = ROOT / "deploy" / "observability"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")

OF_PROMETHEUS = {"up", "ALERTS"}
OF_EVERY_SERIES = {"instance", "job"}
ENDINGS = re.compile(r"_(bucket|count|sum)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One expression, and what its labels are shown by."""

    where: str
    text: str
    shown: tuple[str, ...] = ()


def alert_rules() -> list[dict[str, Any]]:
    """All rules of alerts.yaml."""
    document = yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    """The dashboard."""
    document: dict[str, Any] = json.loads((FOLDER / "grafana-dashboard.json").read_text(encoding="utf-8"))
    return document


def queries() -> Iterator[Query]:
    """Every expression that is shipped, with Grafana's variables filled in."""
    for rule in alert_rules():
        texts = tuple(re.findall(r"\$labels\.(\w+)", json.dumps(rule.get("annotations", {}))))
        yield Query(where=rule.get("alert") or rule["record"], text=rule["expr"], shown=texts)
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            text = target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
            shown = tuple(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            yield Query(where=panel["title"], text=text, shown=shown)


def selectors(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each metric of an expression with the labels that it is selected by."""
    for name, matchers in re.findall(r"\b(joulecut[\w:]*|up)(?:\{([^}]*)\})?", text):
        yield name, dict(re.findall(r'(\w+)\s*[=!]~?\s*"([^"]*)"', matchers))


RECORDED = {rule["record"] for rule in alert_rules() if "record" in rule}
QUERIES = list(queries())


def test_queries_parse() -> None:
    """By a parser of PromQL, so that neither Prometheus nor Grafana is the first to complain."""
    for query in QUERIES:
        try:
            promql_parser.parse(query.text)
        except ValueError as error:
            pytest.fail(f"{query.where}: {error}")


def test_queries_ask_for_what_there_is() -> None:
    """Each metric and each label is one of the reference's: a renamed one would show nothing, and alert nobody."""
    known = reference()
    for query in QUERIES:
        labels = set(OF_EVERY_SERIES)
        for name, matchers in selectors(query.text):
            if name in RECORDED | OF_PROMETHEUS:
                continue
            plain = name if name in known else ENDINGS.sub("", name)
            assert plain in known, f"{query.where}: {name} is not in the reference"
            kind, own = known[plain]
            assert (plain != name) == (kind == "histogram"), f"{query.where}: {name} of a {kind}"
            labels |= own | ({"le"} if name.endswith("_bucket") else set())
            assert set(matchers) <= own | OF_EVERY_SERIES, f"{query.where}: {name} has no such label: {matchers}"
        grouping = re.findall(r"(?:by|on|ignoring) \(([^)]*)\)", query.text)
        grouped = {word for part in grouping for word in re.findall(r"\w+", part)}
        assert grouped <= labels, query.where
        assert set(query.shown) <= labels, query.where


def test_selected_values_are_real_ones() -> None:
    """A value that no series has is a typing error, or was renamed."""
    values = {
        "outcome": {"ok", "offloaded", "local", "fallback", "rejected", "abandoned", "exported", "dropped"}
        | {status.value for status in ReplyStatus},
        "reason": {reason.value for reason in (*FallbackReason, *ThrottleReason)},
        "part": {"edge_busy", "edge_wait", "encode", "radio", "server", "server_busy", "server_wait"},
        "kind": {"requested", "achieved"},
        "side": {"edge", "server"},
        "direction": {"up", "down"},
        "event": {"taken", "lost", "refused"},
    }
    for query in QUERIES:
        for _, matchers in selectors(query.text):
            for label, value in matchers.items():
                if label in values:
                    assert set(value.split("|")) <= values[label], f"{query.where}: {label}={value}"


def test_rates_are_of_counters() -> None:
    """A rate of a gauge, or a counter shown as it is, is a number that means nothing."""
    known = reference()
    for query in QUERIES:
        rated = set(re.findall(r"(?:rate|increase)\((joulecut\w+)", query.text))
        for name, _ in selectors(query.text):
            if name in RECORDED | OF_PROMETHEUS:
                continue
            counts = known.get(name, ("histogram", set()))[0] in ("counter", "histogram")
            assert counts == (name in rated), f"{query.where}: {name}"


def test_alerts_say_what_to_do() -> None:
    """Each has a severity, one line that names who, and a text for whoever is woken by it; no name comes twice."""
    alerts = [rule for rule in alert_rules() if "alert" in rule]
    assert not [name for name, count in Counter(rule["alert"] for rule in alerts).items() if count > 1]
    for rule in alerts:
        assert rule["labels"]["severity"] in {"page", "ticket", "info"}, rule["alert"]
        assert "{{ $labels.instance }}" in rule["annotations"]["summary"], rule["alert"]
        assert len(rule["annotations"]["description"].split()) >= 12, rule["alert"]


def test_dashboard_is_whole() -> None:
    """Panels have their own ids, a title, a unit and the data source that is chosen; none lies over another."""
    panels = dashboard()["panels"]
    assert not [number for number, count in Counter(panel["id"] for panel in panels).items() if count > 1]
    taken: Counter[tuple[int, int]] = Counter()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        taken.update(
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        )
        if panel["type"] == "row":
            continue
        assert panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        for part in (panel, *panel["targets"]):
            assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]
    assert max(taken.values()) == 1
    variables = {variable["name"] for variable in dashboard()["templating"]["list"]}
    assert variables == {"datasource", "instance"}


def test_collector_takes_what_agents_send() -> None:
    """Its pipeline uses what it defines, and listens where the how-to lets agents send, which they accept."""
    collector = yaml.safe_load((FOLDER / "otel-collector.yaml").read_text(encoding="utf-8"))
    for pipeline in collector["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            assert set(pipeline[kind]) == set(collector[kind])
    place = collector["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]
    page = (ROOT / "docs" / "how-to-observe.md").read_text(encoding="utf-8")
    endpoint = f"http://{place}"
    assert f'endpoint = "{endpoint}"' in page
    TracesOptions(endpoint=endpoint).check_plain_text()


def test_prometheus_reads_where_agents_listen() -> None:
    """Its targets are addresses that an agent can be given, one for each of both, and its rules the shipped ones."""
    prometheus = yaml.safe_load((FOLDER / "prometheus.yaml").read_text(encoding="utf-8"))
    assert prometheus["rule_files"] == ["alerts.yaml"]
    targets = [
        target for job in prometheus["scrape_configs"] for part in job["static_configs"] for target in part["targets"]
    ]
    assert len(set(targets)) == len(prometheus["scrape_configs"]) == 2
    for target in targets:
        MetricsOptions(listen=target)


@needs_promtool
@pytest.mark.parametrize(
    "command",
    [
        ("check", "rules", "alerts.yaml"),
        ("check", "config", "prometheus.yaml"),
        ("test", "rules", "alerts_test.yaml"),
    ],
    ids=" ".join,
)
def test_promtool_agrees(command: tuple[str, ...]) -> None:
    """Prometheus itself takes the rules, and they fire on the series that the unit tests beside them describe."""
    result = subprocess.run(
        [str(PROMTOOL), *command], cwd=FOLDER, capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stdout + result.stderr
