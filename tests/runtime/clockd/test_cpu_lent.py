"""The host's CPU, lent by a daemon as a process to an agent without rights, on the kernel files of a made-up host."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from joulecut_core.errors import ClockError
from joulecut_core.exits import exit_code
from joulecut_core.timing import ManualClock
from joulecut_runtime.clockd.allow_list import RULES
from tests.fakes.host.kernel import FakeHost
from tests.fakes.host.specs import ACPI_CPUFREQ
from tests.runtime.clockd.kill_trial import answers, until
from tests.runtime.clockd.nursery import NOBODY, Nursery

FREE, HELD = {(1_500_000, 2_400_000)}, {(1_900_000, 1_900_000)}


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


@pytest.fixture
def host() -> Iterator[FakeHost]:
    """A host whose rules let the agent hold the CPU at its two lower clocks, in a folder that others may enter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        rules = folder / RULES
        rules.parent.mkdir(parents=True)
        user = NOBODY if os.geteuid() == 0 else os.geteuid()
        rules.write_text(f"[agents]\nusers = {user}\nboards = cpu:*\ncore_mhz = 1500-1900\n")
        rules.chmod(0o644)
        yield FakeHost(folder, ACPI_CPUFREQ, clock=ManualClock())


@pytest.fixture
def clockd(nursery: Nursery, host: FakeHost) -> int:
    """A daemon that answers."""
    pid = nursery.start("kernel_daemon", host.root)
    until(lambda: answers(host.root), "clockd does not answer")
    return pid


def limits(host: FakeHost) -> set[tuple[int, int]]:
    """What all policies are between."""
    return {host.limits_khz(policy.name) for policy in host.policies}


def test_a_killed_agent_leaves_no_clock_behind(nursery: Nursery, host: FakeHost, clockd: int) -> None:
    """An agent that is not root holds the CPU, and its kill -9 ends that."""
    agent = nursery.start("cpu_holder", host.root, "1900")
    until(lambda: limits(host) == HELD, "the CPU is not held")
    nursery.kill(agent)
    until(lambda: limits(host) == FREE, "a killed agent's clocks stay")
    os.kill(clockd, signal.SIGTERM)
    assert nursery.wait(clockd) == 0


def test_a_killed_daemon_leaves_no_clock_behind(nursery: Nursery, host: FakeHost, clockd: int) -> None:
    """What systemd runs after a kill -9 puts the CPU back."""
    agent = nursery.start("cpu_holder", host.root, "1900")
    until(lambda: limits(host) == HELD, "the CPU is not held")
    nursery.kill(clockd, agent)
    assert limits(host) == HELD
    assert nursery.wait(nursery.start("kernel_daemon", host.root, "--restore")) == 0
    assert limits(host) == FREE


def test_clocks_beyond_the_rules_are_refused(nursery: Nursery, host: FakeHost, clockd: int) -> None:
    """A clock that the CPU has and the allow-list has not."""
    assert nursery.wait(nursery.start("cpu_holder", host.root, "2400")) == int(exit_code(ClockError()))
    assert limits(host) == FREE
    nursery.kill(clockd)
