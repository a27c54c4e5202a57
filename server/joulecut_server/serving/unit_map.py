"""Where a service table's units lie in a network: each is a stretch of blocks, from one cut to another.

A unit is named by the cuts that it lies between, "input to blocks.3", or by its last block alone, "blocks.2".
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise

from joulecut_core.errors import ConfigError
from joulecut_core.networks import CutTable
from joulecut_core.service_tables import ServiceTable

_TO = " to "


class UnitMap:
    """The cut at which each unit of a table starts; raises ConfigError where its units are not this network's."""

    def __init__(self, table: ServiceTable, network: CutTable) -> None:
        ends = _ends(table, network)
        self.starts = (0, *ends[:-1])
        self.last = network.last

    def unit_of(self, cut: int) -> int:
        """The unit that runs the block behind a cut."""
        return bisect_right(self.starts, cut) - 1


def _ends(table: ServiceTable, network: CutTable) -> list[int]:
    if len(table.units) == 1:
        return [network.last]
    known = {cut.name: cut.index for cut in network.cuts} | {block.name: block.index + 1 for block in network.blocks}
    ends = [known.get(unit.rpartition(_TO)[2], 0) for unit in table.units]
    if ends[-1] != network.last or any(end <= start for start, end in pairwise((0, *ends))):
        raise ConfigError(
            f"the service table of {table.network} has the units {', '.join(table.units)}, which are not stretches of "
            f"the network served here, whose blocks are {', '.join(block.name for block in network.blocks)}: "
            "make the table from the same bundle"
        )
    return ends
