"""The child's half of a cross-check: one window of ZeusMonitor on one GPU. Runs as a program.

    python -m joulecut_runtime.devices.meters.zeus_window 0 5.0

Lines of JSON on standard output: `{"ready": true}`, then, after a line of input, `{"begun": true}` and
`{"duration_s": …, "energy_j": …}`; or `{"absent": why}` and nothing else.
"""

from __future__ import annotations

import importlib
import json
import sys

from joulecut_core.timing import SystemClock


def main(gpu: int, duration_s: float) -> None:
    """Measure GPU `gpu`, counted as NVML does, for so many seconds once told to begin."""
    try:
        zeus = importlib.import_module("zeus.monitor")
    except ImportError as error:
        _say(absent=f"{error}; install the extra: pip install 'joulecut[zeus]'")
        return
    clock, monitor = SystemClock(), zeus.ZeusMonitor(gpu_indices=[gpu], cpu_indices=[])
    _say(ready=True)
    sys.stdin.readline()
    monitor.begin_window("joulecut", sync_execution=False)
    _say(begun=True)
    clock.sleep_until_s(clock.now_s() + duration_s)
    window = monitor.end_window("joulecut", sync_execution=False)
    if gpu not in window.gpu_energy:
        # Without a GPU Zeus measures nothing, without a word.
        _say(absent=f"Zeus found no GPU {gpu}; it has {sorted(window.gpu_energy)}")
        return
    _say(duration_s=float(window.time), energy_j=float(window.gpu_energy[gpu]))


def _say(**what: object) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
