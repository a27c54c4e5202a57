"""What many choices cost, in a few array operations: each what `joulecut_planner.choices.pricing.price` says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from joulecut_core.problems import Problem
from joulecut_planner.choices.grids import Grids
from joulecut_planner.choices.groups import edge_part, server_part
from joulecut_planner.choices.pricing import Choice, Crossing, Part, Price, Values, cost_figures, price_of, transfer_s


def prices(problem: Problem, grids: Grids, choices: Sequence[Choice]) -> list[Price]:
    """The full cost of each choice, in seconds and joules, in their order; `grids` are the problem's."""
    if not choices:
        return []
    cut, wire, variant, edge_point = np.array([(c.cut, c.wire, c.variant, c.edge_point) for c in choices]).T
    point = np.array([-1 if choice.server_point is None else choice.server_point for choice in choices])
    row, offloads = variant * grids.cuts + cut, point >= 0
    server = server_part(grids, row, np.maximum(point, 0))
    wires, link = grids.wires, problem.link
    # Wires stand in the order of their cuts: a cut's first is where the cut would be inserted.
    at = np.where(offloads, np.searchsorted(wires.cut, cut) + wire, 0)

    def there(values: Values) -> Values:
        """0 where nothing is offloaded."""
        return np.where(offloads, values, 0.0)

    crossing = Crossing(
        encode_s=there(wires.encode_s[at]),
        t_up=there(transfer_s(wires.uplink_bytes[at], link.uplink_bps)),
        rtt_s=there(link.rtt_s),
        decode_s=there(wires.decode_s[at]),
        t_down=there(transfer_s(wires.downlink_bytes[at], link.downlink_bps)),
        latency_std_s=there(link.latency_std_s),
        encode_w=there(wires.encode_w[at]),
        uplink_w=there(link.uplink_w),
        downlink_w=there(link.downlink_w),
        decode_w=there(wires.decode_w[at]),
    )
    away = Part(
        time_s=there(server.time_s), std_s=there(server.std_s), busy_w=there(server.busy_w), idle_w=there(server.idle_w)
    )
    figures = cost_figures(problem, edge_part(grids, row, edge_point), away, crossing)
    rows = np.array(np.broadcast_arrays(*figures)).T.tolist()
    losses = [each.accuracy_loss for each in problem.variants]
    loss = np.array(losses)[variant] + there(wires.accuracy_loss[at])
    return [price_of(figure, each) for figure, each in zip(rows, loss.tolist(), strict=True)]
