"""Feed every target, in this process and under its limits: `python -m tests.fuzz --inputs 100000 --seed 7`.

Exit status 1 where anything crashed, hung or took too much memory; what did is kept below `--keep`.
"""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from functools import partial
from pathlib import Path

from tests.fuzz.campaign import keep_in, limit_memory, report, run, watch_hangs
from tests.fuzz.catalogue import catalogue


def main() -> int:
    """Run a campaign; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="inputs in all, shared out by the targets' rates")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", action="append", help="only this one; may be given more than once")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="folder for what failed")
    options = parser.parse_args()
    targets = [target for target in catalogue().values() if not options.target or target.name in options.target]
    # Complaints are what is wanted here, by the hundred thousand.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("error")
    limit_memory()
    keep = keep_in(options.keep)
    shares = sum(target.rate for target in targets)
    with watch_hangs():
        tallies = [
            run(target, max(1, round(options.inputs * target.rate / shares)), options.seed, partial(keep, target.name))
            for target in targets
        ]
    sys.stdout.write(report(tallies) + "\n")
    return int(any(tally.crashes for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
