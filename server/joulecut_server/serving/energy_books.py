"""Who pays for a device's joules: batches for theirs, and requests in common for what is drawn in between.

    counter = busy joules of batches + joules between them     at any time
    each batch's requests take all that is not yet booked

So ledgers add up to the device's counter, whatever its idle draw, its clock changes or work beside requests cost.
"""

from __future__ import annotations


class EnergyBooks:
    """Joules booked to requests so far. Not thread-safe."""

    def __init__(self) -> None:
        self.busy_j = 0.0
        """Of batches, while they ran."""
        self.wait_j = 0.0
        """Of what lay between them."""
        self._origin_j: float | None = None
        self._open_j: float | None = None

    def read(self, counter_j: float | None) -> None:
        """The device's counter now; None where it has none."""
        if counter_j is None:
            return
        if self._origin_j is None:
            self._origin_j = counter_j
        self._open_j = counter_j - self._origin_j - self.busy_j - self.wait_j

    def close_batch(self, energy_j: float) -> float | None:
        """Book a batch's joules; returns what its requests answer for on top. None without a counter."""
        self.busy_j += energy_j
        if self._open_j is None:
            return None
        # A counter that ticks slowly has not seen the latest batch yet; what it lacks it will show.
        taken_j = max(self._open_j, 0.0)
        self._open_j -= taken_j
        self.wait_j += taken_j
        return taken_j
