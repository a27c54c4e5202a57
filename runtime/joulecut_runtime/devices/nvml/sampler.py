"""Joules of a GPU without a counter: a thread samples its power and integrates by the trapezoidal rule."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from joulecut_core.errors import DeviceError
from joulecut_core.timing import Clock, is_set_within

_LOG = logging.getLogger(__name__)

SAMPLING_PERIOD_S = 0.02
_GAP_PERIODS = 50
"""A time without samples that is longer than this adds no joules: nobody knows what was drawn."""
_SHORTEST_WAIT_S = 0.001
"""On the wall: a clock that is moved by hand lets no wall time pass."""
_ENDS_S = 1.0
"""Wall seconds that the read under way gets to end."""


class PowerSampler:
    """Energy since its start, changing with each sample. Safe to call from several threads."""

    def __init__(
        self, read_w: Callable[[], float | None], *, clock: Clock, period_s: float = SAMPLING_PERIOD_S
    ) -> None:
        self._read_w = read_w
        self._clock = clock
        self._period_s = period_s
        self._lock = threading.Lock()
        self._energy_j = 0.0
        self._power_w: float | None = None
        self._sampled_s = clock.now_s()
        self._fails = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nvml-power", daemon=True)

    def start(self) -> None:
        """Sample from now on, until `close`."""
        self._sample()
        self._thread.start()

    def read(self) -> tuple[float, float] | None:
        """Joules until the latest sample, and when that was taken; None while power cannot be read."""
        if self._clock.now_s() - self._sampled_s > self._period_s:
            self._sample()  # the thread is late
        with self._lock:
            return None if self._fails else (self._energy_j, self._sampled_s)

    def close(self) -> None:
        """Stop sampling. Safe to call twice; a read that hangs in the driver is left behind."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(_ENDS_S)

    def _run(self) -> None:
        wait_s = max(self._clock.wall_s(self._period_s), _SHORTEST_WAIT_S)
        while not is_set_within(self._stopping, _GAP_PERIODS * wait_s if self._fails else wait_s):
            self._sample()

    def _sample(self) -> None:
        with self._lock:
            try:
                power_w = self._read_w()
            except DeviceError as error:
                power_w = None
                if not self._fails:
                    _LOG.warning("no joules are counted until power can be read again: %s", error)
            self._fails = power_w is None
            if power_w is None:
                self._power_w = None
                return
            now_s = self._clock.now_s()
            since_s = now_s - self._sampled_s
            if self._power_w is not None and since_s <= _GAP_PERIODS * self._period_s:
                self._energy_j += since_s * (self._power_w + power_w) / 2
            self._power_w, self._sampled_s = power_w, now_s
