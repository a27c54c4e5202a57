"""The inside of an emulated device: its clocks, what it runs, and what it has drawn, in the time of a Clock.

Nothing happens in the background. Whoever asks first brings the timeline up to the present: the stretches of the
run in progress, then idling as the clock policy has it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import DeviceState
from joulecut_core.timing import Clock
from joulecut_core.workloads import Workload
from joulecut_runtime.devices.clock_policy import Board, ClockPolicy, Pace
from joulecut_runtime.devices.device_file import DeviceFile
from joulecut_runtime.devices.governor import Governed
from joulecut_runtime.devices.holding import Held
from joulecut_runtime.devices.laws import Laws
from joulecut_runtime.devices.run_plan import RunPlan
from joulecut_runtime.devices.throttling import Throttling
from joulecut_runtime.devices.timeline import Timeline

_MOST_SIGMAS = 4.0
"""Noise is cut off here: a factor never gets near zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an execution ended: seconds since its start, joules, and how much later than emulated the host was."""

    elapsed_s: float
    energy_j: float
    late_s: float


class Pacer:
    """Keeps an emulated device's time. Safe to call from several threads; the caller sees to one run at a time."""

    def __init__(self, file: DeviceFile, *, clock: Clock, seed: int) -> None:
        self._file = file
        self._clock = clock
        self._lock = threading.Lock()
        self._random = np.random.default_rng((seed, 0))
        self._board = Board(laws=Laws(file), table=file.clock_table)
        self._throttling = Throttling(file, self._board)
        self._timeline = Timeline(start_s=clock.now_s(), meter=file.meter, seed=seed)
        self._policy: ClockPolicy = Governed.of(self._board, file.governor)
        self._run: RunPlan | None = None
        self._start_j = 0.0

    def state(self) -> DeviceState:
        """A reading of everything, now."""
        with self._lock:
            now_s = self._advance_to_now()
            counter = self._timeline.counter()
            point = self._point(now_s)
            power_w = self._board.laws.idle_w(point) if counter.power_w is None else counter.power_w
            return DeviceState(
                time_s=now_s,
                point=point,
                power_w=power_w,
                temperature_c=self._throttling.temperature_c,
                throttle=self._throttling.reasons(self._present_policy(now_s).wanted(now_s)),
                energy_j=counter.energy_j,
                energy_time_s=counter.time_s,
            )

    def hold(self, point: OperatingPoint) -> None:
        """Ask for a point of the table and wait until it has settled."""
        with self._lock:
            now_s = self._advance_to_now()
            before = self._point(now_s)
            settled_s = now_s + self._settle_s(before, point)
            self._throttling.release_power_cap()
            self._change(Held(board=self._board, point=point, before=before, settled_s=settled_s), now_s)
        while self._clock.now_s() < settled_s:
            self._clock.sleep_until_s(settled_s)

    def release(self) -> None:
        """Give the clocks back to the governor, which goes on from where they are."""
        with self._lock:
            now_s = self._advance_to_now()
            core_mhz = self._point(now_s).core_mhz
            self._throttling.release_power_cap()
            self._change(Governed.of(self._board, self._file.governor, running_at_mhz=core_mhz), now_s)

    def set_temperature_c(self, temperature_c: float) -> None:
        """Heat or cool the device."""
        with self._lock:
            now_s = self._advance_to_now()
            self._throttling.temperature_c = temperature_c
            self._change(self._present_policy(now_s), now_s)

    def force_ceiling(self, core_mhz: float | None) -> None:
        """Keep the core clock at or below a value, or stop doing so."""
        with self._lock:
            now_s = self._advance_to_now()
            self._throttling.forced_mhz = core_mhz
            self._change(self._present_policy(now_s), now_s)

    def begin(self, workload: Workload) -> RunPlan:
        """Start a run now."""
        with self._lock:
            now_s = self._advance_to_now()
            self._throttling.admit(workload, self._policy.highest(now_s))
            noise = self._file.noise
            time_factor, power_factor = self._factor(noise.time), self._factor(noise.power)
            paces = tuple(
                Pace(
                    time_factor=time_factor * self._factor(noise.block_time) / workload.speed_up,
                    power_factor=power_factor,
                    ceiling_mhz=self._throttling.ceiling_mhz,
                )
                for _ in workload.blocks
            )
            self._start_j = self._timeline.energy_j
            self._run = RunPlan(workload.blocks, paces, now_s, self._policy)
            return self._run

    def wait_for_block(self, run: RunPlan, index: int) -> float:
        """Sleep until a block of a run has ended; returns when that was, or now where the host is later."""
        while True:
            with self._lock:
                deadline_s = run.end_of_s(index)
                now_s = self._clock.now_s()
            if now_s > deadline_s:
                return now_s
            self._clock.sleep_until_s(deadline_s)
            with self._lock:
                if run.end_of_s(index) == deadline_s:
                    return deadline_s

    def finish(self, run: RunPlan) -> Outcome:
        """Wait until a run has ended and close its books."""
        end_s = self.wait_for_block(run, len(run) - 1) if len(run) else self._clock.now_s()
        with self._lock:
            self._advance(end_s)
            late_s = max(0.0, end_s - run.end_s)
            exact_j = run.energy_j if late_s == 0.0 else self._timeline.energy_j - self._start_j
            self._end_run(end_s)
            energy_j = exact_j * self._factor(self._file.meter.noise)
            return Outcome(elapsed_s=end_s - run.start_s, energy_j=energy_j, late_s=late_s)

    def abandon(self, run: RunPlan) -> Outcome:
        """End a run where it stands: the host's computation failed."""
        with self._lock:
            now_s = self._advance_to_now()
            energy_j = self._timeline.energy_j - self._start_j
            self._end_run(now_s)
            return Outcome(elapsed_s=now_s - run.start_s, energy_j=energy_j, late_s=0.0)

    @property
    def exact_energy_j(self) -> float:
        """Joules drawn until now, without the meter's period, quantum and noise."""
        with self._lock:
            self._advance_to_now()
            return self._timeline.energy_j

    def _advance_to_now(self) -> float:
        now_s = self._clock.now_s()
        self._advance(now_s)
        return now_s

    def _advance(self, now_s: float) -> None:
        if self._run is not None:
            for stretch in self._run.stretches_after(self._timeline.time_s):
                self._timeline.draw(stretch.power_w, min(stretch.end_s, now_s))
            if now_s >= self._run.end_s and not self._run.is_over:
                self._policy = self._run.policy_at(now_s, self._policy)
                self._run.is_over = True
        if now_s > self._timeline.time_s:
            passage = self._policy.idle(self._timeline.time_s, now_s, self._throttling.ceiling_mhz)
            for stretch in passage.stretches:
                self._timeline.draw(stretch.power_w, stretch.end_s)
            self._policy = passage.policy

    def _present_policy(self, now_s: float) -> ClockPolicy:
        if self._run is None or self._run.is_over:
            return self._policy
        return self._run.policy_at(now_s, self._policy)

    def _point(self, now_s: float) -> OperatingPoint:
        if self._run is not None:
            to_come = self._run.stretches_after(now_s)
            if to_come:
                return to_come[0].point
        return self._board.capped(self._policy.wanted(now_s), self._throttling.ceiling_mhz)

    def _change(self, policy: ClockPolicy, now_s: float) -> None:
        if self._run is None or self._run.is_over:
            self._policy = policy
        else:
            self._run.replan(now_s, policy, self._throttling.ceiling_mhz)

    def _end_run(self, now_s: float) -> None:
        self._policy = self._present_policy(now_s)
        self._run = None

    def _settle_s(self, before: OperatingPoint, after: OperatingPoint) -> float:
        settle = self._file.settle
        core_s = settle.core_s if before.core_mhz != after.core_mhz else 0.0
        memory_s = settle.memory_s if before.memory_mhz != after.memory_mhz else 0.0
        return max(core_s, memory_s)

    def _factor(self, relative: float) -> float:
        sigmas = float(self._random.standard_normal())
        return 1.0 + relative * max(-_MOST_SIGMAS, min(_MOST_SIGMAS, sigmas))
