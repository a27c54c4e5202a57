"""Feeds targets for a number of inputs each, under a time limit for every input and a memory limit for all."""

from __future__ import annotations

import hashlib
import json
import resource
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.mutation import Mutator
from tests.fuzz.target import Target

CORPUS = Path(__file__).parent / "corpus"
"""Inputs that once were too much, one folder for each target; fed again with every run."""
SLOWEST_CPU_S = 5.0
"""An input that takes longer hangs, for all that its sender has to pay for it."""
MOST_EXTRA_BYTES = 768 << 20
"""What all that is read may take on top of the imports; every limit of the project lies well below."""
_MOST_KEPT = 20


class HangError(BaseException):
    """An input took too long; no `except Exception` of a reader may swallow that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An input that broke its target, and how."""

    digest: str
    kind: str
    where: str
    data: bytes


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of a target's inputs."""

    target: str
    inputs: int = 0
    accepted: int = 0
    cpu_s: float = 0.0
    slowest_s: float = 0.0
    failures: list[Failure] = field(default_factory=list)
    crashes: int = 0

    def document(self) -> dict[str, object]:
        """The tally as JSON, without the inputs."""
        return {
            "target": self.target,
            "inputs": self.inputs,
            "accepted": self.accepted,
            "cpu_s": round(self.cpu_s, 3),
            "slowest_s": round(self.slowest_s, 4),
            "crashes": self.crashes,
            "failures": [{"digest": each.digest, "kind": each.kind, "where": each.where} for each in self.failures],
        }


def limit_memory(extra_bytes: int = MOST_EXTRA_BYTES) -> None:
    """From now on this process may take so much more, for good; call it once everything is imported."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (_data_bytes() + extra_bytes, hard))


@contextmanager
def watch_hangs() -> Iterator[None]:
    """Inside, an input that takes too long raises HangError. Only in a process's main thread."""

    def ring(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise HangError(f"more than {SLOWEST_CPU_S} s of processor time")

    before = signal.signal(signal.SIGPROF, ring)
    try:
        yield
    finally:
        signal.signal(signal.SIGPROF, before)


def run(target: Target[Any], inputs: int, seed: int, keep: Callable[[Failure], None]) -> Tally:
    """Feed drawn inputs; `keep` gets each failure of a new kind."""
    mutator = Mutator(seed, target.seeds, target.words, target.reshape)
    tally = Tally(target=target.name)
    seen: set[str] = set()
    began_s = time.process_time()
    for _ in range(inputs):
        failure = feed(target, mutator.draw(), tally)
        if failure is not None and failure.where not in seen and len(seen) < _MOST_KEPT:
            seen.add(failure.where)
            tally.failures.append(failure)
            keep(failure)
    tally.cpu_s = time.process_time() - began_s
    return tally


def feed(target: Target[Any], data: bytes, tally: Tally) -> Failure | None:
    """Feed one input; what it broke, if anything."""
    tally.inputs += 1
    began_s = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, SLOWEST_CPU_S)
    try:
        tally.accepted += target.feed(data)
    except (Exception, HangError, RecursionError) as error:  # noqa: BLE001 - finding those is what this is for
        tally.crashes += 1
        digest = hashlib.sha256(data).hexdigest()[:16]
        return Failure(digest=digest, kind=type(error).__name__, where=_where(error), data=data)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        tally.slowest_s = max(tally.slowest_s, time.process_time() - began_s)
    return None


def kept_inputs(target: Target[Any]) -> list[tuple[str, bytes]]:
    """The corpus of a target, by file name."""
    folder = CORPUS / target.name
    return [(path.name, path.read_bytes()) for path in sorted(folder.glob("*")) if path.is_file()]


def keep_in(folder: Path) -> Callable[[str, Failure], None]:
    """Keeps failures as files below a folder."""

    def keep(target: str, failure: Failure) -> None:
        place = folder / target
        place.mkdir(parents=True, exist_ok=True)
        (place / failure.digest).write_bytes(failure.data)

    return keep


def report(tallies: Sequence[Tally]) -> str:
    """All tallies as JSON."""
    return json.dumps([tally.document() for tally in tallies], indent=1)


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    last = next((frame for frame in reversed(frames) if "joulecut" in frame.filename), frames[-1] if frames else None)
    place = "?" if last is None else f"{Path(last.filename).name}:{last.lineno}"
    return f"{type(error).__name__} at {place}: {str(error)[:160]}"


def _data_bytes() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status has no VmData")
