"""`joulecut device`: list, watch, lock and reset, on emulated devices, made-up GPUs and kernel trees."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from joulecut.cli import app
from joulecut_core.errors import ConfigError, DeviceError, LeaseError
from joulecut_core.timing import SystemClock
from joulecut_runtime.clockd.book import STATE, LeaseBook
from tests.fakes.host.kernel import FakeHost
from tests.fakes.host.specs import ACPI_CPUFREQ
from tests.fakes.jetson import FakeKernel, JetsonTree, build
from tests.fakes.jetson.boards import ORIN_NANO_36
from tests.fakes.nvml import COMPILER, NO_COMPILER, FakeNvml, loaded

PROGRAM = Path(sys.executable).with_name("joulecut")
DAEMON = [sys.executable, "-c", "import sys; from joulecut_runtime.clockd.cli import main; sys.exit(main())"]

needs_compiler = pytest.mark.skipif(COMPILER is None, reason=NO_COMPILER)


def device(*arguments: object) -> Result:
    """The command in this process; raises the error it ends with."""
    result = CliRunner().invoke(app, ["device", *map(str, arguments)], env={"COLUMNS": "220"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def lines(text: str) -> list[dict[str, Any]]:
    """JSON, one object a line."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(name="jetson")
def _jetson(tmp_path: Path) -> Iterator[JetsonTree]:
    """A Jetson with a kernel; it looks as seldom as is quick enough beside programs that take a second to start."""
    tree = build(tmp_path, ORIN_NANO_36)
    with FakeKernel(tree, poll_s=0.01):
        yield tree


def limits_mhz(tree: JetsonTree) -> tuple[int, int]:
    """What the kernel keeps the GPU's clock between."""
    low, high = ((tree.node / f"{end}_freq").read_text() for end in ("min", "max"))
    return int(low) // 10**6, int(high) // 10**6


@contextmanager
def looking(tree: JetsonTree) -> Iterator[set[tuple[int, int]]]:
    """All limits that are seen while the context lasts, from its beginning on."""
    seen: set[tuple[int, int]] = set()
    begun, over = threading.Event(), threading.Event()

    def look() -> None:
        while not over.wait(0.01):
            begun.set()
            with suppress(ValueError):  # a file is empty for the moment in which it is written
                seen.add(limits_mhz(tree))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        assert begun.wait(20.0)
        yield seen
    finally:
        over.set()
        thread.join()


def test_list_a_jetson(jetson: JetsonTree) -> None:
    """Names as configuration files take them, scope, clocks, and who may set them."""
    document = json.loads(device("list", "--root", jetson.root, "--json").stdout)
    gpu, cpu = document["devices"]
    assert document["schema"] == "joulecut.device-list/1"
    assert gpu["name"] == f"jetson:{jetson.root}"
    assert gpu["info"]["power_scope"] == "module input"
    assert gpu["clocks"][-1] == {
        "memory_mhz": 3199.0,
        "core_clocks": 8,
        "lowest_core_mhz": 306.0,
        "highest_core_mhz": 1020.0,
    }
    assert (gpu["settable_by"], cpu["settable_by"]) == ("this process", "nobody")


def test_list_for_people(jetson: JetsonTree) -> None:
    """The same in a table; emulated devices on request only."""
    page = device("list", "--root", jetson.root).stdout
    assert "Orin Nano" in page
    assert "8 core clocks, 306 to 1020 MHz" in page
    assert "emulated:" not in page
    assert "emulated:l4" in device("list", "--root", jetson.root, "--emulated").stdout


def test_watch_an_emulated_device() -> None:
    """One line a reading and device, joules from zero, labelled by scope and kind."""
    first, second = lines(device("watch", "emulated:l4", "--json", "--count", 2, "--interval", 0.2).stdout)
    assert first["device"] == "emulated:l4"
    assert (first["energy_j"], first["figures"]) == (0.0, "emulated")
    assert second["energy_j"] > 0
    assert second["elapsed_s"] >= 0.2


def test_watch_everything_here(jetson: JetsonTree) -> None:
    """Without names all real devices are shown: a line of words each where nobody draws a table."""
    page = device("watch", "--root", jetson.root, "--count", 1).stdout
    [line] = [each for each in page.splitlines() if each.endswith("(module input, measured)")]
    assert " s: runs at " in line


def test_the_best_device_is_watched_and_held(jetson: JetsonTree) -> None:
    """`auto` means here what it means in a configuration file: a Jetson before its CPU."""
    (reading,) = lines(device("watch", "auto", "--root", jetson.root, "--count", 1, "--json").stdout)
    assert reading["power_scope"] == "module input"
    *readings, _ = lines(device("lock", "auto", "612/2133", "--root", jetson.root, "--for", 0.1, "--json").stdout)
    assert readings[0]["achieved"]["core_mhz"] == 612.0


def test_lock_holds_and_restores(jetson: JetsonTree) -> None:
    """The kernel's limits are at the point while it lasts, and what they were afterwards."""
    before = limits_mhz(jetson)
    with looking(jetson) as seen:
        result = device("lock", "jetson", "612/2133", "--root", jetson.root, "--for", 0.3, "--interval", 0.1, "--json")
    *readings, released = lines(result.stdout)
    assert (612, 612) in seen
    assert limits_mhz(jetson) == before
    assert {(each["achieved"]["core_mhz"], each["achieved"]["memory_mhz"]) for each in readings} == {(612.0, 2133.0)}
    assert released["runs_at"]["core_mhz"] != 612.0


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("lock", "emulated:l4", "fast"), ConfigError, "CORE or CORE/MEMORY"),
        (("lock", "emulated:l4", "1006"), DeviceError, "nearest"),
        (("lock", "emulated:l4", "1005", "--interval", "0"), ConfigError, "--interval 0"),
        (("lock", "emulated:l4", "1005", "--for", "-1"), ConfigError, "--for -1"),
        (("watch", "emulated:l5x"), DeviceError, "unknown"),
        (("reset", "emulated:l4"), DeviceError, "no real device"),
    ],
)
def test_what_cannot_be(arguments: tuple[str, ...], error: type[Exception], said: str) -> None:
    """One clear line each."""
    with pytest.raises(error, match=said):
        device(*arguments)


def test_reset_what_cannot_be_set(tmp_path: Path) -> None:
    """A virtual machine's CPU has no clocks to put back."""
    with pytest.raises(DeviceError, match="nothing to put back"):
        device("reset", "cpu", "--root", tmp_path)


def test_reset_the_cpu_through_a_daemon(tmp_path: Path) -> None:
    """What a killed process that was root left of the CPU's limits is put back by the daemon."""
    host = FakeHost(tmp_path / "tree", ACPI_CPUFREQ, clock=SystemClock())
    before = [host.limits_khz(policy.name) for policy in host.policies]
    killed = LeaseBook(host.root)
    killed.board("cpu:all").acquire((1900.0, None), {"holder": "edge-agent", "uid": 0, "pid": 1})
    killed.board("cpu:all")._lock.close()  # what the kernel does for a killed process
    assert {host.limits_khz(policy.name) for policy in host.policies} == {(1_900_000, 1_900_000)}
    with host.live(), daemon(host.root) as path:
        page = device("reset", "cpu", "--root", host.root, "--clockd-socket", path).stdout
    assert "done by clockd" in page
    assert [host.limits_khz(policy.name) for policy in host.policies] == before


@contextmanager
def daemon(root: Path, environment: dict[str, str] | None = None) -> Iterator[Path]:
    """joulecut-clockd as a process."""
    path = root / "clockd.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as service_manager:
        service_manager.bind(str(root / "notify.sock"))
        service_manager.settimeout(30.0)
        process = subprocess.Popen(
            [*DAEMON, "--root", root, "--socket", path],
            stderr=subprocess.PIPE,
            env={**(environment or os.environ), "NOTIFY_SOCKET": str(root / "notify.sock")},
        )
        try:
            assert service_manager.recv(64) == b"READY=1"
            yield path
        finally:
            process.terminate()
            process.communicate(timeout=20)


def made(folder: Path) -> Path:
    """A new folder."""
    folder.mkdir()
    return folder


@contextmanager
def locking(tree: JetsonTree, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """`joulecut device lock` as a process that holds 612 MHz."""
    command = [PROGRAM, "device", "lock", "jetson", "612/2133", "--root", tree.root, "--interval", 0.1, "--json"]
    process = subprocess.Popen([*map(str, [*command, *arguments])], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["achieved"]["core_mhz"] == 612.0
        yield process
    finally:
        process.kill()
        process.communicate()


@needs_compiler
def test_lock_a_gpu(tmp_path: Path) -> None:
    """The driver's lock is set and taken back; CORE alone chooses the highest memory clock that lists it."""
    fake = FakeNvml(made(tmp_path / "nvml"), ["h100"])
    fake.gpu.use(1.0)
    with daemon(tmp_path, fake.environment()) as path, loaded(fake):
        result = device("lock", "nvml:0", "990", "--clockd-socket", path, "--for", 0.2, "--interval", 0.1)
    assert "nvml:0 at 990/2619 MHz" in result.stdout
    assert "is free again" in result.stdout
    assert (fake.gpu.is_untouched, bool(fake.journal)) == (True, True)


@needs_compiler
@pytest.mark.parametrize("how", [(), ("--json",)], ids=["page", "json"])
def test_clocks_that_do_not_come_back(tmp_path: Path, how: tuple[str, ...]) -> None:
    """A driver that refuses to give its lock up is an error, and nothing says that the device is free."""
    fake = FakeNvml(made(tmp_path / "nvml"), ["h100"])
    fake.fail("nvmlDeviceResetGpuLockedClocks", 999)
    with daemon(tmp_path, fake.environment()) as path, loaded(fake):
        there = ("--clockd-socket", str(path), "--for", "0.2", "--interval", "0.1")
        result = CliRunner().invoke(app, ["device", "lock", "nvml:0", "990", *there, *how])
    assert isinstance(result.exception, DeviceError)
    assert "nvml:0 is not free" in str(result.exception)
    assert "free again" not in result.stdout
    assert "released" not in result.stdout


@needs_compiler
def test_lock_without_the_right_to(tmp_path: Path) -> None:
    """A driver that refuses is told in its own words, with what to do."""
    fake = FakeNvml(made(tmp_path / "nvml"), ["t4"])
    with (
        daemon(tmp_path, fake.environment(privileged=False)) as path,
        loaded(fake),
        pytest.raises(DeviceError, match="SYS_ADMIN"),
    ):
        device("lock", "nvml", "990", "--clockd-socket", path, "--for", 0.2)


def test_through_the_daemon(jetson: JetsonTree) -> None:
    """Held through joulecut-clockd: others see by whom, cannot reset it, and Ctrl-C frees it."""
    before = limits_mhz(jetson)
    with daemon(jetson.root) as path, locking(jetson, "--clockd-socket", path) as holder:
        there = ("--root", jetson.root, "--clockd-socket", path)
        (reading,) = lines(device("watch", "jetson", *there, "--count", 1, "--json").stdout)
        assert reading["requested"] == {"core_mhz": 612.0, "memory_mhz": 2133.0}
        assert f"pid {holder.pid}" in reading["holder"]
        with pytest.raises(LeaseError, match=f"{holder.pid}"):
            device("reset", "jetson", *there)
        holder.send_signal(signal.SIGINT)
        last = holder.communicate(timeout=20)[0].splitlines()[-1]
        assert holder.returncode == 0
        assert json.loads(last)["released"]["core_mhz"] == 612.0
        assert limits_mhz(jetson) == before
        assert "clockd" in device("reset", "jetson", *there).stdout


def test_reset_after_a_kill(jetson: JetsonTree) -> None:
    """A lock that was killed leaves its clocks, and the journal by which `reset` puts them back, however it is named.

    The clock that it shows is not that of the lock any more.
    """
    before = limits_mhz(jetson)
    placed = (f"jetson:{jetson.root}",)
    with locking(jetson) as holder:
        for named in (placed, ("jetson", "--root", jetson.root)):
            with pytest.raises(LeaseError, match="another process"):
                device("reset", *named)
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait(20)
    assert limits_mhz(jetson) == (612, 612)
    assert list((jetson.root / STATE).glob("*.json"))
    done = json.loads(device("reset", *placed, "--json").stdout)
    assert done["reset_by"] == "this process"
    assert done["runs_at"]["core_mhz"] != 612.0
    assert limits_mhz(jetson) == before
