"""Does anything grow in half an hour at half load? `python -m benchmarks.soak`.

One edge-agent and one server-agent as processes, on emulated devices with a small network. Requests come at half the
rate that the busier device could bear. Growth is between the first and the last fifth of the samples after a warm-up:
the most in each. A second pair runs beside them for a short while, whose server leaks on purpose: it must be noticed.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from tests.chaos.agent_nursery import LEAKING, AgentNursery
from tests.chaos.site import chaos_site, furnish
from tests.chaos.soaking import Growth, Soak, soak
from tests.chaos.storm import Load

from joulecut_core.documents import write_bytes

_RESULTS = Path(__file__).parent / "results" / "soak.md"
_MINUTES = 30.0
_WARM_S = 120.0
_CONTROL_S = 60.0
_CONTROL_WARM_S = 20.0
_MOST_MB = 20.0


def main() -> None:
    """Soak and write the table; ends with status 1 where something grew, or where a planted leak was not seen."""
    parser = argparse.ArgumentParser(description="Look for growth at half load.")
    parser.add_argument("--minutes", type=float, default=_MINUTES)
    parser.add_argument("--warm-s", type=float, default=_WARM_S)
    parser.add_argument("--out", type=Path, default=_RESULTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, AgentNursery() as nursery:
        shared = Path(scratch) / "shared"
        shared.mkdir()
        furnish(shared)

        async def run(name: str, program: str, warm_s: float, lasting_s: float) -> Soak:
            folder = Path(scratch) / name
            folder.mkdir()
            async with chaos_site(folder, shared, nursery) as site:
                return await soak(site, program, Load(), warm_s=warm_s, lasting_s=lasting_s)

        control = asyncio.run(run("control", LEAKING, _CONTROL_WARM_S, _CONTROL_S))
        sound = asyncio.run(run("sound", "server-agent", options.warm_s, 60.0 * options.minutes))
    write_bytes(options.out, document(sound, control, options.minutes, options.warm_s).encode())
    print(f"wrote {options.out}")
    leaked = control.growths[0]
    seen = leaked.memory_mb > _MOST_MB and leaked.files > 0 and leaked.threads > 0
    raise SystemExit(0 if seen and all(map(_is_steady, sound.growths)) else 1)


def document(sound: Soak, control: Soak, minutes: float, warm_s: float) -> str:
    """The page of results."""
    host = f"{datetime.now(timezone.utc):%Y-%m-%d}, Python {platform.python_version()}"
    return "\n".join(
        (
            "# soak: half load for long",
            "",
            (
                f"{host}, Linux {platform.release().split('-')[0]}. Agents as processes on emulated devices, a small "
                f"network, {sound.requests} requests, one each {1e3 * sound.period_s:.1f} ms, {minutes:g} minutes "
                f"after {warm_s:g} s of warming up."
            ),
            "",
            "| agent | memory, MB | grew by, MB | file descriptors | threads | steady |",
            "|---|---|---|---|---|---|",
            *(_row(growth.name, growth) for growth in sound.growths),
            _row(f"leaking server ({_CONTROL_S:g} s)", control.growths[0]),
            "",
            (
                "Growth is from the most in the first fifth of the samples to the most in the last. *steady*: at most "
                f"{_MOST_MB:g} MB, no further file descriptor, no further thread. The last row is the control: a "
                "server that leaks 1 MB, a file descriptor and a thread each 0.1 s."
            ),
            "",
        )
    )


def _row(name: str, growth: Growth) -> str:
    return (
        f"| {name} | {growth.first.memory_bytes / 1e6:.1f} | {growth.memory_mb:+.1f} "
        f"| {growth.first.files} to {growth.last.files} | {growth.first.threads} to {growth.last.threads} "
        f"| {'yes' if _is_steady(growth) else 'no'} |"
    )


def _is_steady(growth: Growth) -> bool:
    return growth.memory_mb <= _MOST_MB and growth.files <= 0 and growth.threads <= 0


if __name__ == "__main__":
    main()
