"""Which precision the answers given so far still allow: their mean accuracy may not fall below a floor."""

from __future__ import annotations

from joulecut_core.service_tables import ServiceTable

_ROUNDING = 1e-12


class AccuracyFloor:
    """The floor is a share of the reference's accuracy; variants below it are allowed while there is credit.

    Raises ValueError for a share that is not from 0 to 1.
    """

    def __init__(self, table: ServiceTable, share: float) -> None:
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"accuracy floor: {share}; expected a share of the reference's accuracy, 0 to 1")
        floor = share * table.variants[0].accuracy
        self._above = [variant.accuracy - floor for variant in table.variants]
        self._credit = 0.0

    def permits(self, variant: int, batch: int) -> bool:
        """Whether the mean stays above the floor if `batch` answers of a variant are added."""
        above = self._above[variant]
        return above >= 0.0 or self._credit + above * batch >= -_ROUNDING

    def answered(self, variant: int, batch: int) -> None:
        """Count answers."""
        self._credit += self._above[variant] * batch
