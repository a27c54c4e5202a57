"""When what is sent over a link of changing bandwidth arrives: one transfer after the other, the trace in a loop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulecut_planner.choices.grids import Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinkTrace:
    """Bandwidth over time; a value holds until the next one's time, the last as long as the mean step.

    Raises ValueError where times do not ascend from 0, a bandwidth is negative or not finite, or all are 0.
    """

    time_s: Array
    bandwidth_bps: Array

    def __post_init__(self) -> None:
        times_s, bandwidths_bps = self.time_s, self.bandwidth_bps
        if not len(times_s) or len(times_s) != len(bandwidths_bps):
            raise ValueError(f"{len(times_s)} times, {len(bandwidths_bps)} bandwidths; expected as many, at least one")
        if times_s[0] != 0.0 or not np.isfinite(times_s).all() or (np.diff(times_s) <= 0.0).any():
            raise ValueError("times do not ascend from 0")
        if not (np.isfinite(bandwidths_bps).all() and (bandwidths_bps >= 0.0).all() and bandwidths_bps.any()):
            raise ValueError("bandwidths: expected finite ones of at least 0, one of them above")

    @property
    def period_s(self) -> float:
        """After so many seconds the trace starts again."""
        count = len(self.time_s)
        return float(self.time_s[-1] * count / (count - 1)) if count > 1 else 1.0

    def delivered_s(self, sent_s: Array, payload_bytes: float) -> Array:
        """When payloads of one size arrive that are sent at ascending times; each waits for the one before."""
        steps_s = np.diff(np.append(self.time_s, self.period_s))
        done_bits: Array = np.concatenate(([0.0], np.cumsum(steps_s * self.bandwidth_bps)))
        payload_bits = 8.0 * payload_bytes
        sent_bits = self._bits_until(sent_s, done_bits)
        # In units of what the link could have carried, a queue is a running maximum.
        order: Array = np.arange(len(sent_s), dtype=np.float64)
        finished: Array = np.maximum.accumulate(sent_bits - order * payload_bits) + (order + 1) * payload_bits
        return np.maximum(self._time_of(finished, done_bits), sent_s)

    def _bits_until(self, time_s: Array, done_bits: Array) -> Array:
        rounds, within_s = np.divmod(time_s, self.period_s)
        step = np.searchsorted(self.time_s, within_s, side="right") - 1
        bits: Array = (
            rounds * done_bits[-1] + done_bits[step] + (within_s - self.time_s[step]) * self.bandwidth_bps[step]
        )
        return bits

    def _time_of(self, bits: Array, done_bits: Array) -> Array:
        """The earliest time by which so many bits are through."""
        rounds, within = np.divmod(bits, done_bits[-1])
        # A round's end is the end of its last step that carries anything, not of an outage behind it.
        at_end = (within == 0.0) & (rounds > 0.0)
        rounds, within = rounds - at_end, np.where(at_end, done_bits[-1], within)
        step = np.clip(np.searchsorted(done_bits, within, side="left") - 1, 0, None)
        rate_bps = np.where(self.bandwidth_bps[step] > 0.0, self.bandwidth_bps[step], 1.0)
        time_s: Array = rounds * self.period_s + self.time_s[step] + (within - done_bits[step]) / rate_bps
        return time_s
