"""At which clock to wait: the one held, or one that draws less until the next batch."""

from __future__ import annotations

import math

from joulecut_core.service_tables import ServiceTable

SHARE_OF_SLACK = 0.1
"""A change of the clock may take up to this share of the time that a lone request can spare."""


class RestingClock:
    """For one table; `counts_idle` False: what a waiting device draws is nobody's concern, and the clock stays."""

    def __init__(self, table: ServiceTable, *, counts_idle: bool = True) -> None:
        self._table = table
        self._counts_idle = counts_idle
        self.lowest = min(range(len(table.points)), key=lambda point: table.idle_w[point])
        self.resting_w = table.idle_w[self.lowest] if counts_idle else 0.0
        """What a joule of a batch is weighed against: the draw of resting instead."""

    def point(self, held: int, gap_s: float, slack_s: float) -> int:
        """Where to wait for `gap_s`, when a lone request has `slack_s` to spare at the highest clock.

        Infinite slack is that of requests of which none has come: a clock that leaves them no time is not risked.
        """
        table, lowest = self._table, self.lowest
        if math.isinf(slack_s):
            return held
        if not self._counts_idle or lowest == held or table.switch_s > SHARE_OF_SLACK * slack_s:
            return held
        there_and_back_j = 2.0 * (table.switch_j + table.switch_s * table.idle_w[lowest])
        return lowest if gap_s * (table.idle_w[held] - table.idle_w[lowest]) > there_and_back_j else held
