"""How long a CUSUM runs between two false alarms, and the threshold for a length asked for.

Siegmund's approximation for one side at reference value k and threshold h, under independent standard
normal residuals: L = (exp(2 k b) - 2 k b - 1) / (2 k^2), b = h + 1.166; two sides alarm twice as often.
Source: D. Siegmund, "Sequential Analysis" (1985); within some 5 % of exact lengths from 100 on.
"""

from __future__ import annotations

import math

from joulecut_core.errors import FitError

_OVERSHOOT = 1.166
"""What a random walk of normal steps goes beyond a border, at both borders together."""
_HALVINGS = 100


def run_length(reference: float, threshold: float) -> float:
    """Samples between false alarms of either side, on average."""
    exponent = 2.0 * reference * (threshold + _OVERSHOOT)
    return (math.expm1(exponent) - exponent) / (4.0 * reference**2)


def threshold_for(length: float, reference: float) -> float:
    """The threshold at which false alarms are `length` samples apart on average.

    Raises FitError for a length below 10 or a reference value that is not positive.
    """
    if not (reference > 0.0 and 10.0 <= length < math.inf):
        raise FitError(
            f"run length {length!r} at reference value {reference!r}; expected at least 10 and a positive one"
        )
    # Below a threshold of 0 every sample would alarm; the expansion bounds the highest from above.
    low, high = 0.0, (math.log(4.0 * reference**2 * length + 1.0) + 10.0) / (2.0 * reference)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if run_length(reference, middle) < length else (low, middle)
    return high
