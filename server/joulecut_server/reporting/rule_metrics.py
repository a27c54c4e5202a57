"""Changes to a server's rules as Prometheus metrics, read when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from joulecut_server.rule_changes import RuleChanges


class RuleMetrics(Collector):
    """A Prometheus collector of `RuleChanges`."""

    def __init__(self, changes: RuleChanges) -> None:
        self._changes = changes

    def collect(self) -> Iterator[Metric]:
        """The counts as they are now."""
        changes = self._changes
        counts = CounterMetricFamily("joulecut_rule_changes", "Rules and limits read anew", labels=("outcome",))
        counts.add_metric(("taken",), changes.taken)
        counts.add_metric(("refused",), changes.refused)
        yield counts
        yield CounterMetricFamily(
            "joulecut_ended_by_rules", "Sessions and streams that other rules left no right to", value=changes.ended
        )
        yield GaugeMetricFamily(
            "joulecut_rules_stale", "1 while the file holds rules that cannot be used", value=changes.is_stale
        )
