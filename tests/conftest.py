"""How the processes that run the tests share a machine, and what they start programs in."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.chaos.agent_nursery import AgentNursery
from tests.kept import FOLDER
from tests.thoroughness import examples
from tests.warm.programs import WarmPrograms, warm_programs

_TESTS = Path(__file__).parent
_EXAMPLES = 100
"""Of a property that names no number of its own."""
_WAITING = (frozenset({"chaos", "integration"}), frozenset({"e2e", "pages"}))
"""Folders whose tests wait for programs, links and clocks of the world more than they compute, in equal halves."""


def pytest_configure(config: pytest.Config) -> None:
    """Shells start what runs in their background deaf to Ctrl-C, nohup to SIGHUP, and with it all that tests start.

    Hypothesis may not take a busy host's time for an example's.
    """
    hypothesis.settings.register_profile("shared-host", deadline=None, max_examples=examples(_EXAMPLES))
    hypothesis.settings.load_profile("shared-host")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if FOLDER not in os.environ:
        folder = tempfile.mkdtemp(prefix="joulecut-tests-")
        os.environ[FOLDER] = folder
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(FOLDER, folder)))
    worker = _worker(config)
    if worker and list(map(Path, config.args)) in ([_TESTS], [Path(_TESTS.name)]):
        config.args = _begun_elsewhere(worker)


def _worker(config: pytest.Config) -> Mapping[str, Any]:
    """What xdist tells a process of several; empty where there is one alone."""
    told: Mapping[str, Any] = getattr(config, "workerinput", {})
    return told


def _begun_elsewhere(worker: Mapping[str, Any]) -> list[str]:
    """All tests, from another place on for each process: what one has compiled, the others find."""
    sizes = Counter(path.relative_to(_TESTS).parts[0] for path in _TESTS.rglob("test_*.py"))
    parts, share = sorted(sizes), int(worker["workerid"].removeprefix("gw")) / worker["workercount"]
    begin = next(k for k in range(len(parts)) if sum(sizes[part] for part in parts[: k + 1]) > share * sizes.total())
    return [str(_TESTS / part) for part in (*parts[begin:], *parts[:begin])]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than cores: while one waits, the others keep every core busy."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What waits comes first, beside what computes: at the end there is only what is quickly shared out.

    Of several processes, each begins with a share of the tests in their order, and takes others' when it is done.
    """
    items.sort(key=lambda item: item.path)
    first, second = ([item for item in items if not names.isdisjoint(item.path.parts)] for names in _WAITING)
    rest = [item for item in items if all(names.isdisjoint(item.path.parts) for names in _WAITING)]
    processes = _worker(config).get("workercount", 1)
    beside = max(0, len(items) // processes - len(first)) if processes > 2 else 0
    items[:] = [*first, *rest[:beside], *second, *rest[beside:]]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Imports and tests stay to the end: looking through them for garbage again and again finds none."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.fixture(name="nursery", scope="session")
def _nursery(warm: WarmPrograms) -> Iterator[AgentNursery]:
    """Forks agents; importing what they need takes longer than most of what they do."""
    with AgentNursery(forker=warm.nursery) as nursery:
        yield nursery


@pytest.fixture(name="warm", scope="session")
def _warm() -> WarmPrograms:
    """joulecut's programs as forks of one interpreter that has imported everything."""
    return warm_programs()


@pytest.fixture(scope="module")
def started_warm(warm: WarmPrograms) -> Iterator[None]:
    """For a module's tests: programs that lie beside the interpreter are started warm.

    They are processes of their own all the same. Tests of signals, of what is left behind and of the installed
    programs themselves do without.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "executable", str(warm.path / "python"))
        yield
