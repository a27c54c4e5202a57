"""A site of real agents that can be killed, paused and started again where they were, and its fault proxies.

    applications ── Unix socket ──▶ edge-agent ── fault proxy ──▶ server-agent

Both agents run on emulated devices, slow enough that this machine keeps up with them in real time.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import joulecut_runtime.devices
from joulecut_core.errors import LinkError
from joulecut_core.wires import load_wires, save_wires
from joulecut_runtime.networks.network import Network
from tests.chaos.agent_nursery import AgentNursery
from tests.chaos.history import History
from tests.chaos.traffic import Application, applications
from tests.fakes.certificates import Holder
from tests.free_ports import free_port
from tests.integration.site import THIRSTY, make_shared
from tests.integration.tiny_network import pictures, tiny_network

START_S = 180.0
"""How long an agent may take to serve; only a defect ever takes it."""
_POLL_S = 0.01
_FILES = Path(joulecut_runtime.devices.__file__).parent / "files"
_DEVICE = """extends = "{base}"
name = "{name}"

[launch]
basis = "assumed"
source = "chosen for the length of a test"
launch_s = {launch_s}
{more}"""
_EDGE = """discover = false
max_accuracy_loss = 0.0
policy = "{policy}"
{keys}
[slo]
latency_s = {deadline_s}
[objective]
server_weight = 0.0
{extra}
"""
_PLAN = re.compile(r"\bepoch (\d+)(?:,| in force:| adopted:) [^:\n]+: cut (\d+), ([^,\n]+),")
"""A plan in an agent's log, which says it as `Assignment` does."""

PICTURES = pictures(8, seed=21)
"""The inputs of every application."""


def expected_answers(network: Network | None = None) -> list[list[float]]:
    """The unsplit network's answers to `PICTURES`."""
    whole = (network or tiny_network()).whole
    return [whole((picture,))[0].flatten().tolist() for picture in PICTURES]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Seconds that each operator of a network takes on the emulated devices, at the least."""

    edge_s: float = 4e-3
    server_s: float = 0.25e-3


class Agent:
    """One agent: its process, if it runs, and how it is started again where it was."""

    def __init__(self, nursery: AgentNursery, program: str, arguments: Sequence[str], folder: Path, name: str) -> None:
        self.name = name
        self.folder = folder
        self.log = folder / f"{name}.log"
        self.lives = 0
        self.pid = 0
        self.arguments = list(arguments)
        self._nursery = nursery
        self._program = program
        self._ready = folder / f"{name}.ready.json"

    async def start(self, *, largest_file_bytes: int | None = None) -> str:
        """Start it and wait until it serves; its address. Raises LinkError where it ends or stays silent."""
        self.begin(largest_file_bytes=largest_file_bytes)
        return await self.ready()

    def begin(self, *, largest_file_bytes: int | None = None) -> None:
        """Start it without waiting."""
        self._ready.unlink(missing_ok=True)
        self.lives += 1
        self.pid = self._nursery.start(
            self._program,
            [*self.arguments, "--ready-file", str(self._ready)],
            log=self.log,
            largest_file_bytes=largest_file_bytes,
        )

    async def ready(self) -> str:
        """Wait until it serves."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + START_S
        while not self._ready.exists():
            status = self._nursery.status(self.pid)
            if status is not None or loop.time() > end_s:
                raise LinkError(f"{self.name} did not come up (status {status}): {self.text()[-2000:]}")
            await asyncio.sleep(_POLL_S)
        return str(json.loads(self._ready.read_text())["address"])

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self._nursery.kill(self.pid)

    def pause(self) -> None:
        """SIGSTOP."""
        self._nursery.send(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._nursery.send(self.pid, signal.SIGCONT)

    def limit_files(self, largest_file_bytes: int) -> None:
        """How far it may write any file from now on; it was started with a limit."""
        self._nursery.limit_files(self.pid, largest_file_bytes)

    async def stop(self) -> int:
        """SIGTERM, and its exit status."""
        self._nursery.send(self.pid, signal.SIGTERM)
        while (status := self._nursery.status(self.pid)) is None:
            await asyncio.sleep(_POLL_S)
        return status

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._nursery.status(self.pid) is None

    def text(self) -> str:
        """Everything it has logged in all its lives."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


@dataclass(slots=True, kw_only=True)
class ChaosSite:
    """What the agents of one test share. `folder` holds everything that they write."""

    folder: Path
    shared: Path
    nursery: AgentNursery
    history: History
    launch: Launch
    agents: list[Agent] = field(default_factory=list)

    def server(
        self,
        *,
        name: str = "server",
        host: str = "127.0.0.1",
        port: int = 0,
        extra: str = "",
        program: str = "server-agent",
        nursery: AgentNursery | None = None,
    ) -> Agent:
        """A server-agent at a port that stays its own; `extra`: further lines of its configuration."""
        state = self.folder / f"{name}.state"
        state.mkdir(exist_ok=True)
        config = self.folder / f"{name}.toml"
        config.write_text(f"advertise = false\n{extra}\n")
        arguments = [
            "--config", str(config),
            "--device", self.device("t4", self.launch.server_s),
            "--bundle", str(self.shared / "net"),
            "--listen", f"{host}:{port or free_port()}",
            "--name", name,
            "--profiles", str(self.shared / "profiles"),
            "--state", str(state),
        ]  # fmt: skip
        return self._agent(program, arguments, name, nursery)

    def edge(
        self,
        servers: str,
        *,
        name: str = "edge",
        deadline_s: float = 0.5,
        policy: str = "energy-cut",
        wires: str = "2-raw",
        keys: str = "",
        extra: str = "",
    ) -> Agent:
        """An edge-agent that splits at one cut with one codec, so that every request needs the server.

        `servers`: as its configuration has it; `wires`: "<cut>-<codec>", or "all"; `keys`, `extra`: more of it.
        """
        config = self.folder / f"{name}.toml"
        config.write_text(_EDGE.format(policy=policy, keys=keys, deadline_s=deadline_s, extra=extra))
        arguments = [
            "--config", str(config),
            "--device", self.device("orin-nano-super", self.launch.edge_s, THIRSTY),
            "--bundle", str(self.shared / "net"),
            "--server", servers,
            "--listen", f"unix:{self.folder / name}.sock",
            "--name", name,
            "--profiles", str(self.shared / "profiles"),
            "--wires", str(self._wires(wires)),
        ]  # fmt: skip
        return self._agent("edge-agent", arguments, name)

    @asynccontextmanager
    async def application(self, edge: Agent, *, look_s: float = 0.05) -> AsyncIterator[Application]:
        """An application of the life that `edge` has now; its plans are looked at every `look_s`."""
        address = f"unix:{self.folder / edge.name}.sock"
        async with applications(
            address, self.history, PICTURES, edge=edge.name, life=edge.lives, look_s=look_s
        ) as made:
            yield made

    def device(self, base: str, launch_s: float, more: str = "") -> str:
        """A shipped device with a launch time of its own; `more`: further tables of its file."""
        name = f"{base}-{1e6 * launch_s:.0f}us"
        path = self.shared / f"{name}.toml"
        if not path.exists():
            shutil.copy(_FILES / f"{base}.toml", self.shared)
            path.write_text(_DEVICE.format(base=base, name=name, launch_s=launch_s, more=more))
        return f"emulated:{path}"

    def read_plans(self) -> None:
        """Tell the history of every plan that an agent has logged."""
        for agent in self.agents:
            self.history.planned |= logged_plans(agent.text())
        seen = any(one.epoch for one in self.history.sightings)
        assert self.history.planned or not seen, "edges had plans, and no agent has logged one in the words known here"

    def _agent(self, program: str, arguments: Sequence[str], name: str, nursery: AgentNursery | None = None) -> Agent:
        agent = Agent(nursery or self.nursery, program, arguments, self.folder, name)
        self.agents.append(agent)
        return agent

    def _wires(self, wanted: str) -> Path:
        if wanted == "all":
            return self.shared / "wires.json"
        path = self.shared / f"wires-{wanted}.json"
        if not path.exists():
            table = load_wires(self.shared / "wires.json")
            cut, codec = wanted.split("-")
            chosen = tuple(each for each in table.wires if (each.cut, each.codec) == (int(cut), codec))
            assert chosen, f"{wanted} was not measured"
            save_wires(replace(table, wires=chosen), path)
        return path


def logged_plans(text: str) -> set[tuple[int, int, str]]:
    """Epoch, cut and codec of every plan in the log of an agent."""
    return {(int(epoch), int(cut), codec) for epoch, cut, codec in _PLAN.findall(text)}


def tls_table(holder: Holder) -> str:
    """The `[tls]` table of an agent with these files."""
    return f'[tls]\nauthority = "{holder.authority}"\ncertificate = "{holder.certificate}"\nkey = "{holder.key}"\n'


@asynccontextmanager
async def chaos_site(
    folder: Path, shared: Path, nursery: AgentNursery, *, launch: Launch | None = None
) -> AsyncIterator[ChaosSite]:
    """A site without agents yet; leaving kills those that still run."""
    loop = asyncio.get_running_loop()
    site = ChaosSite(
        folder=folder, shared=shared, nursery=nursery, history=History(loop.time), launch=launch or Launch()
    )
    async with AsyncExitStack() as stack:
        stack.callback(_end_all, site)
        yield site


def furnish(shared: Path) -> None:
    """Write what all sites of a session share: the packed network and its wires."""
    make_shared(shared)


def _end_all(site: ChaosSite) -> None:
    for agent in site.agents:
        if agent.pid and agent.is_running:
            agent.kill()
