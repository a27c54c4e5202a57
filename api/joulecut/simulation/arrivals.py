"""From an order's trace to the arrivals of one load."""

from __future__ import annotations

from joulecut.simulation.link_files import read_links
from joulecut.simulation.orders import LoadKind, TraceOrder
from joulecut.simulation.rows import TraceFacts, known
from joulecut.simulation.trace_files import TraceFile, read_trace
from joulecut_core.errors import ConfigError
from joulecut_core.service_tables import ServiceTable
from joulecut_planner.serving.simulation.made_traces import made_trace
from joulecut_planner.serving.simulation.traces import ArrivalTrace

_ALL_NETWORKS = "*"
_SHOWN = 8


def open_trace(order: TraceOrder, seed: int) -> TraceFile | ArrivalTrace:
    """The file read, or the trace made up. Raises ConfigError for a malformed file, or what cannot be made."""
    if order.made is None:
        return read_trace(order.file)
    try:
        return made_trace(order.made, order.made_requests, seed, gap_variation=order.gap_variation)
    except ValueError as cause:
        raise ConfigError(f"--trace {order.made.value}: {cause}") from cause


def requests_for(
    opened: TraceFile | ArrivalTrace, order: TraceOrder, table: ServiceTable
) -> tuple[ArrivalTrace, tuple[str, ...]]:
    """The requests that a table serves, before scaling, and what is to be said about them.

    Raises ConfigError for requests of networks that the table is not of, or at units it has not.
    """
    if isinstance(opened, ArrivalTrace):
        if order.network is not None:
            raise ConfigError(
                f"--trace-network {order.network}: a made-up trace has no networks; expected it with a file alone"
            )
        return opened, ()
    remarks = []
    if opened.passed_over:
        remarks.append(f"{opened.path}: passed over columns {', '.join(opened.passed_over)}")
    network, remark = _network(opened, order.network, table)
    remarks += [remark] if remark else []
    trace = opened.trace(network)
    if order.requests is not None and order.requests < len(trace):
        remarks.append(f"{opened.path}: the first {order.requests} of {len(trace)} requests")
        trace = trace.first(order.requests)
    opened.check_entries(network, len(trace), len(table.units))
    return trace, tuple(remarks)


def at_load(trace: ArrivalTrace, kind: LoadKind, value: float, capacity_hz: float) -> ArrivalTrace:
    """The trace at one of the loads. Raises ConfigError for a rate where all come at once, or times beyond numbers."""
    if kind is LoadKind.AS_RECORDED:
        return trace
    if kind is LoadKind.SCALE:
        try:
            return trace.quicker(value)
        except ValueError as cause:
            raise ConfigError(f"--scale {value:g}: {cause}") from cause
    try:
        return trace.at_rate(value * capacity_hz if kind is LoadKind.UTILISATION else value)
    except ValueError as cause:
        raise ConfigError(f"the trace cannot be given a {kind.value}: {cause}; use --scale, or neither") from cause


def over_links(trace: ArrivalTrace, order: TraceOrder) -> ArrivalTrace:
    """The trace behind the order's links, where it has some; links keep their own pace at every load."""
    if order.link is None or order.payload_bytes is None:
        return trace
    return trace.delayed(read_links(order.link, trace.edge_names, order.payload_bytes))


def trace_facts(trace: ArrivalTrace, order: TraceOrder) -> TraceFacts:
    """What is said about the trace."""
    return TraceFacts(
        source=order.source,
        requests=len(trace),
        span_s=trace.span_s,
        rate_hz=known(trace.rate_hz),
        gap_variation=known(trace.gap_variation),
        edges=len(trace.edge_names),
        link=None if order.link is None else str(order.link),
        payload_bytes=order.payload_bytes,
    )


def _network(file: TraceFile, wanted: str | None, table: ServiceTable) -> tuple[str | None, str | None]:
    """Whose requests are taken (None: all), and what is to be said about it."""
    counts = file.requests_by_network
    shown = ", ".join(f"{name!r} ({count})" for name, count in sorted(counts.items())[:_SHOWN])
    shown += f" and {len(counts) - _SHOWN} more" if len(counts) > _SHOWN else ""
    if wanted == _ALL_NETWORKS or (wanted is None and not counts):
        return None, None
    if wanted is not None:
        if wanted not in counts:
            found = f"networks {shown}" if counts else "no column network"
            raise ConfigError(f"{file.path}: no requests of network {wanted!r}, which --trace-network names; {found}")
        return wanted, f"{file.path}: the {counts[wanted]} requests of network {wanted!r}, of {len(file.times_s)}"
    if table.network in counts:
        left_out = len(file.times_s) - counts[table.network]
        return table.network, f"{file.path}: left out {left_out} requests of other networks" if left_out else None
    if len(counts) == 1:
        return None, f"{file.path}: its network {shown} is taken for {table.network!r}, which the table is of"
    raise ConfigError(
        f"{file.path}: requests of networks {shown}, none of {table.network!r}, which the service table is of; "
        f"pick one with --trace-network, or take all for it with --trace-network '{_ALL_NETWORKS}'"
    )
