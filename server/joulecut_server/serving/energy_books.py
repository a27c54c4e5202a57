"""Who pays for a device's joules: batches for theirs, and requests in common for what is drawn in between.

    counter = busy joules of batches + joules between them     at any time
    each batch's requests take all that is not yet booked

So ledgers add up to the device's counter, whatever its idle draw, its clock changes or work beside requests cost.
Joules that stand in for metered ones may be too many: those are owed, and what is drawn in between pays for them first.
Nothing is owed for a time in which the counter could not be read, since one that samples power never saw it.
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
        self._since_j = 0.0
        """Of batches since the counter was last read."""
        self._was_blind = False

    def read(self, counter_j: float | None) -> None:
        """The device's counter now; None where it has none, or does not answer."""
        if counter_j is None:
            self._was_blind = True
            return
        if self._origin_j is None:
            self._origin_j = counter_j
        open_j = counter_j - self._origin_j - self.busy_j - self.wait_j
        if self._was_blind:
            unseen_j = min(max(-open_j, 0.0), self._since_j)
            self._origin_j -= unseen_j
            open_j += unseen_j
        self._open_j, self._since_j, self._was_blind = open_j, 0.0, False

    def close_batch(self, energy_j: float) -> float | None:
        """Book a batch's joules; returns what its requests answer for on top. None without a counter."""
        self.busy_j += energy_j
        self._since_j += energy_j
        if self._open_j is None:
            return None
        # A counter that ticks slowly has not seen the latest batch yet; what it lacks it will show.
        taken_j = max(self._open_j, 0.0)
        self._open_j -= taken_j
        self.wait_j += taken_j
        return taken_j
