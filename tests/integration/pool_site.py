"""A pool of real server-agents on Ray, run by the installed program, and what it says of itself."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from joulecut_core.errors import ConfigError
from joulecut_server.pool import PoolStanding, ServerStanding, read_standing
from joulecut_server.pool.reports import ReplicaState
from tests.free_ports import free_port
from tests.integration.site import Site

START_S = 480.0
"""How long Ray and its first servers may take on a busy machine; only a defect ever takes it."""
_DEVICE = """extends = "t4"
name = "pool-t4"

[launch]
basis = "assumed"
source = "slow on purpose, so that a few edges keep it busy"
launch_s = {launch_s}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningPool:
    """A pool that runs; `ports`: of its seats."""

    config: Path
    folder: Path
    ports: tuple[int, ...]
    process: subprocess.Popen[bytes]

    @property
    def list_file(self) -> Path:
        """Where edges find its servers."""
        return self.folder / "servers.json"

    def address(self, seat: int) -> str:
        """Of the server in a seat, whoever sits there."""
        return f"127.0.0.1:{self.ports[seat]}"

    def standing(self) -> PoolStanding | None:
        """How it stands; None before its first look."""
        with suppress(ConfigError):
            return read_standing(self.folder)
        return None

    async def until(self, holds: Callable[[PoolStanding], bool]) -> PoolStanding:
        """The first standing for which `holds` is true. Fails where the program ends meanwhile."""

        async def found() -> PoolStanding:
            while True:
                standing = self.standing()
                if standing is not None and holds(standing):
                    return standing
                assert self.process.poll() is None, f"the pool has ended: {self.log()}"
                await asyncio.sleep(0.05)

        try:
            return await asyncio.wait_for(found(), START_S)
        except asyncio.TimeoutError as error:
            raise AssertionError(f"last standing: {self.standing()}\n{self.log()}") from error

    async def serving(self, count: int) -> PoolStanding:
        """Wait until so many servers serve, and no other is there."""
        return await self.until(lambda standing: len(standing.servers) == count == len(serving(standing)))

    def log(self) -> str:
        """The last lines of the program's log."""
        return "\n".join((self.folder / "log").read_text(encoding="utf-8").splitlines()[-30:])


def serving(standing: PoolStanding) -> tuple[ServerStanding, ...]:
    """Those that take requests."""
    return tuple(each for each in standing.servers if each.state is ReplicaState.SERVING and each.is_heard)


@contextmanager
def running_pool(site: Site, *, servers: int, launch_s: float, options: Mapping[str, object]) -> Iterator[RunningPool]:
    """`joulecut pool up` inside the context, with seats for so many servers; leaving it ends the pool by SIGTERM."""
    # Ray's sockets lie below its folder, and their paths must be short.
    folder, ports = Path(tempfile.mkdtemp(prefix="jc-pool-")), tuple(free_port() for _ in range(servers))
    for name in ("orin-nano-super", "t4"):
        shutil.copy(site.shared / f"{name}.toml", site.own)
    (site.own / "pool-t4.toml").write_text(_DEVICE.format(launch_s=launch_s), encoding="utf-8")
    config = site.own / "pool.toml"
    keys = "".join(f"{key} = {value}\n" for key, value in options.items())
    config.write_text(
        f'device = "emulated:{site.own}/pool-t4.toml"\nbundles = ["{site.bundle}"]\nname = "gpu"\nadvertise = false\n'
        f'profiles = "{site.shared}/profiles"\nstate = "{site.own}"\n'
        f'[pool]\nfolder = "{folder}"\nports = {list(ports)}\nmax_servers = {servers}\nlook_s = 0.2\n{keys}',
        encoding="utf-8",
    )
    program = Path(sys.executable).with_name("joulecut")
    try:
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [program, "pool", "up", config], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        with process:
            pool = RunningPool(config=config, folder=folder, ports=ports, process=process)
            try:
                yield pool
            finally:
                process.terminate()
                try:
                    process.wait(60.0)
                except subprocess.TimeoutExpired:
                    process.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
