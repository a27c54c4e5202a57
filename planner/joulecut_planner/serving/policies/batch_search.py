"""BatchDVFS's search: a batch size between bounds that is halved towards, and a clock for when the size is at its end.

Nabavinejad, Reda and Ebrahimi, "Coordinated batching and DVFS for DNN inference on GPU accelerators", IEEE
TPDS 33(10), 2022, doi 10.1109/TPDS.2022.3144614; steps and numbers as in the authors' published program.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class BatchSearch:
    """Batch sizes 1 to `largest`, clocks 0 to `top` in steps; the search starts at one request."""

    largest: int
    top: int
    clock: int
    batch: int = 1
    low: int = 1
    high: int = 0

    def __post_init__(self) -> None:
        self.high = self.largest

    def grow(self) -> None:
        """There is room: halfway to the upper bound; from there to the largest; at the largest, a step of the clock."""
        if self.batch == self.largest:
            self.clock = min(self.clock + 1, self.top)
        elif self.batch == self.high:
            self.low, self.high = self.high, self.largest
            self.batch = -(-(self.low + self.high) // 2)
        else:
            self.low = self.batch
            self.batch = -(-(self.low + self.high) // 2)

    def shrink(self) -> bool:
        """Too much: halfway to the lower bound; from there to one. False where the batch is one already."""
        if self.batch == 1:
            return False
        if self.batch == self.low:
            self.low, self.high = 1, self.low
        else:
            self.high = self.batch
        self.batch = (self.low + self.high) // 2
        return True
