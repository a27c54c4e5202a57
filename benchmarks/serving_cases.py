"""The cases that serving policies are compared on: tables, loads and arrivals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from joulecut.service.tables import ServiceOrder, provide_service_table
from joulecut.simulation.trace_files import read_trace
from joulecut_core.service_tables import ServiceTable
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.simulation.capacity import capacity
from joulecut_planner.serving.simulation.made_traces import MadeTrace, made_trace
from joulecut_planner.serving.simulation.traces import ArrivalTrace

AZURE = Path(__file__).parents[2] / "shared" / "data" / "arrivals" / "azure_llm_2023_conversation.csv"

NETWORK = "efficientnet-lite0"
DEVICES = ("v100", "t4")
SWITCHES_S = (None, 0.5e-3)
"""None: as timed on the emulated device, whose settling time is itself assumed."""
UTILISATIONS = (0.2, 0.35, 0.5, 0.65, 0.8)
DEADLINE = 3.0
"""Over a lone request's time at the highest clock, in full precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingCase:
    """One table under one load."""

    device: str
    trace: str
    utilisation: float
    table: ServiceTable
    costs: ServiceCosts
    slo_s: float
    arrivals: ArrivalTrace

    @property
    def key(self) -> tuple[str, str, str, str]:
        """As in files: device, milliseconds of a change, trace, utilisation."""
        return self.device, f"{1e3 * self.table.switch_s:.4g}", self.trace, str(self.utilisation)


def traces(count: int, seed: int) -> dict[str, ArrivalTrace]:
    """All arrivals, by name; those of the Azure conversation trace where it is present."""
    made = {kind.value: made_trace(kind, count, seed) for kind in MadeTrace}
    return {**({"azure": read_trace(AZURE).trace().first(count)} if AZURE.is_file() else {}), **made}


def serving_cases(
    devices: Sequence[str], loads: Sequence[float], arrivals: Mapping[str, ArrivalTrace]
) -> Iterator[ServingCase]:
    """Every table under every load."""
    for device in devices:
        made = provide_service_table(ServiceOrder(network=NETWORK, device=f"emulated:{device}"))
        for switch_s in SWITCHES_S:
            table = made if switch_s is None else replace(made, switch_s=switch_s)
            costs = ServiceCosts(table)
            slo_s = DEADLINE * costs.time_s(0, 1, costs.top)
            able = capacity(table, slo_s)
            for name, trace in arrivals.items():
                for load in loads:
                    yield ServingCase(
                        device=device,
                        trace=name,
                        utilisation=load,
                        table=table,
                        costs=costs,
                        slo_s=slo_s,
                        arrivals=trace.at_rate(load * able.rate_hz),
                    )
