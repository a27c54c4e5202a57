"""Are the clocks put back after a kill -9 at any moment? `python -m benchmarks.clock_leases`.

Each trial starts joulecut-clockd and two programs that lease one board, move its clocks and release it as fast as they
can, kills some of them with SIGKILL at a moment drawn at random, and then looks at the board: a file in place of a
driver, which notes every call and the process that made it. Processes, sockets, locks and journals are the real ones.

    away      the board was off its stock clocks right after the kill
    restored  it was back at them: after `--restore` where clockd was killed, else once clockd called it free
    twice     places in the board's log that cannot be of one lease after the other
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from tests.runtime.clockd.kill_trial import Outcome, Victim, kill_trial
from tests.runtime.clockd.nursery import Nursery

from joulecut_core.documents import write_bytes

_RESULTS = Path(__file__).parent / "results" / "clock_leases.md"
_TRIALS = 200
_NOTE = (
    "*away*: off its stock clocks right after the kill. *twice*: places in the board's log that cannot be of one lease "
    "after the other. Seconds include the start of `joulecut-clockd --restore` where clockd was killed, and its look "
    "for the dead, once a second, where a root agent was; they depend on the host."
)


def main() -> None:
    """Run the trials and write the table; ends with an error at the first board that is not restored."""
    parser = argparse.ArgumentParser(description="Kill clock leases at random moments.")
    parser.add_argument("--trials", type=int, default=_TRIALS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=_RESULTS)
    options = parser.parse_args()
    victims = tuple(Victim)
    outcomes = []
    with Nursery() as nursery:
        for trial in range(options.trials):
            with tempfile.TemporaryDirectory() as folder:
                seed = 2 * (options.seed * 10_000 + trial)
                outcomes.append(kill_trial(nursery, Path(folder), victims[trial % len(victims)], seed))
    write_bytes(options.out, _document(outcomes, options.seed).encode())
    print(f"wrote {options.out}")


def _document(outcomes: Sequence[Outcome], seed: int) -> str:
    rows = [_row(victim.value, [one for one in outcomes if one.victim is victim]) for victim in Victim]
    host = f"{datetime.now(timezone.utc):%Y-%m-%d}, Python {platform.python_version()}"
    kernel = platform.release().split("-")[0]
    return "\n".join(
        (
            "# clock leases: kill -9 at random moments",
            "",
            f"{host}, Linux {kernel}, seed {seed}. Real processes on one host; the board is a file, no driver.",
            "",
            "| killed | trials | away | restored | twice | board calls | restored after, median (most), s |",
            "|---|---|---|---|---|---|---|",
            *rows,
            _row("all", outcomes),
            "",
            _NOTE,
            "",
        )
    )


def _row(name: str, outcomes: Sequence[Outcome]) -> str:
    times_s = [one.restore_s for one in outcomes] or [0.0]
    return (
        f"| {name} | {len(outcomes)} | {sum(one.held for one in outcomes)} | {len(outcomes)} "
        f"| {sum(len(one.double_leases) for one in outcomes)} | {sum(one.calls for one in outcomes)} "
        f"| {statistics.median(times_s):.3f} ({max(times_s):.3f}) |"
    )


if __name__ == "__main__":
    main()
