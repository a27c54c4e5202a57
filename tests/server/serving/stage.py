"""A scheduler on virtual time: an emulated GPU, a small network, service tables and policies that obey tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from joulecut_core.figures import FigureKind
from joulecut_core.service_tables import ServiceTable, ServiceVariant
from joulecut_core.serving import Launch, Rest, ServerView, ServingPolicy
from joulecut_core.tensor_frames import RAW, TensorFrame
from joulecut_core.timing import ManualClock
from joulecut_proto.inference_messages import RequestHeader
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.execution.batch_runner import BatchRunner
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_runtime.execution.part_runner import Stage
from joulecut_runtime.networks.network import Network
from joulecut_runtime.wires.codecs import codec
from joulecut_server.serving.lane import NetworkLane
from joulecut_server.serving.options import ServingOptions
from joulecut_server.serving.policy_clocks import PolicyClocks
from joulecut_server.serving.scheduler import Scheduler
from joulecut_server.serving.ticket import ServedRequest
from tests.integration.tiny_network import tiny_graph, tiny_network
from tests.planner.serving.scripted import Eager

DEVICE = "emulated:v100"
NETWORK = tiny_network().table
SLO_S = 10.0
WAIT_S = 20.0


def service_table(*, batches: tuple[int, ...] = (1, 2, 4, 8), network: str = NETWORK.network) -> ServiceTable:
    """Three clocks, a unit for each block, made-up costs: 1 ms a unit and request at the highest clock."""
    clock = ManualClock()
    points = open_device(DEVICE, clock=clock).clock_table.points[-41::20]
    units = tuple(block.name for block in NETWORK.blocks)
    times = tuple(tuple((4e-3 * n, 2e-3 * n, 1e-3 * n) for _ in units) for n in batches)
    watts = tuple(tuple((60.0, 100.0, 150.0) for _ in units) for _ in batches)
    variant = ServiceVariant(
        name="fp32",
        accuracy=1.0,
        accuracy_of="made up",
        time_s=times,
        busy_w=watts,
        figures=FigureKind.ESTIMATED,
    )
    return ServiceTable(
        network=network,
        device="v100",
        power_scope="GPU board",
        units=units,
        points=points,
        batches=batches,
        idle_w=(40.0, 40.0, 40.0),
        variants=(variant,),
    )


class Collecting(Eager):
    """Waits until so many are there, then runs them as one batch."""

    name = "collecting"

    def __init__(self, table: ServiceTable, least: int, *, joins: bool = False, most: int = 8) -> None:
        super().__init__(table, joins=joins)
        self.least = least
        self.most = most
        self.rests_at = 0
        self.variant = 0
        self.views: list[ServerView] = []

    def decide(self, view: ServerView) -> Launch | Rest:
        self.views.append(view)
        if len(view.waiting) < self.least:
            return Rest(self.rests_at)
        return Launch(min(len(view.waiting), self.most), self.variant, self.points)


class Gated(BatchRunner):
    """Stands still before each stretch until it may go on; `begun` counts stretches."""

    def __init__(self, network: Network, device: EmulatedDevice) -> None:
        super().__init__(network, device)
        self._loop = asyncio.get_running_loop()
        self.begun: asyncio.Queue[tuple[int, int, int]] = asyncio.Queue()
        self.go = asyncio.Semaphore(0)

    def stretch(
        self, first: int, last: int, requests: Sequence[Sequence[Tensor]], variant: int = 0
    ) -> tuple[list[tuple[Tensor, ...]], Stage]:
        self._loop.call_soon_threadsafe(self.begun.put_nowait, (first, last, len(requests)))
        asyncio.run_coroutine_threadsafe(self.go.acquire(), self._loop).result(WAIT_S)
        return super().stretch(first, last, requests, variant)


def another_network() -> Network:
    """The same operators under another digest."""
    return Network(tiny_graph(), digest="sha256:other")


@dataclass(slots=True)
class OnStage:
    """What a test works with."""

    clock: ManualClock
    device: EmulatedDevice
    worker: DeviceWorker
    clocks: PolicyClocks
    scheduler: Scheduler
    lanes: list[NetworkLane]

    def ask(
        self,
        picture: Tensor,
        *,
        cut: int = 0,
        edge: str = "edge",
        budget_s: float | None = None,
        priority: int = 0,
        digest: str = NETWORK.digest,
        frames: Sequence[TensorFrame] | None = None,
        spare_loss: float = 0.0,
    ) -> asyncio.Task[ServedRequest]:
        """Send one request from an edge that computes what lies before `cut`."""
        tensors = (picture,) if cut == 0 else tiny_network().head(cut)((picture,))
        wire = codec(RAW)
        header = RequestHeader(
            session_id=edge,
            request_id="r",
            epoch=1,
            network_digest=digest,
            cut=cut,
            codec=RAW,
            variant="",
            budget_s=budget_s,
            priority=priority,
        )
        sent = frames or wire.encode(tensors)

        async def answer() -> ServedRequest:
            return await self.scheduler.enter(header, wire, sent, edge=edge, spare_loss=spare_loss).answer()

        return asyncio.create_task(answer())

    async def settled(self) -> None:
        """Wait until the device's thread is done with what was under way: policies hear of batches behind answers."""
        await self.worker.run(lambda: None)


Use = Callable[[OnStage], Awaitable[None]]


def on_stage(
    use: Use,
    *policies: ServingPolicy,
    runner: Callable[[Network, EmulatedDevice], BatchRunner] = BatchRunner,
    options: ServingOptions | None = None,
    begins: bool = True,
) -> None:
    """Run `use` beside a scheduler with a lane for each policy; `begins`: decisions are made from the start on."""
    chosen = options or ServingOptions(policy="fixed", slo_s=SLO_S, waiting_per_edge=256)

    async def run() -> None:
        clock = ManualClock()
        device = open_device(DEVICE, clock=clock)
        assert isinstance(device, EmulatedDevice)
        worker = DeviceWorker(clock)
        clocks = PolicyClocks(device)
        networks = [tiny_network(), another_network()]
        lanes = [
            NetworkLane(runner(network, device), policy, chosen)
            for network, policy in zip(networks, policies, strict=False)
        ]
        scheduler = Scheduler(lanes, device=device, worker=worker, clocks=clocks, slo_s=chosen.slo_s)
        stage = OnStage(clock, device, worker, clocks, scheduler, lanes)
        keeping = asyncio.create_task(scheduler.keep()) if begins else None
        await asyncio.sleep(0)
        try:
            if begins:
                # Books of joules are opened, on the device's thread, before the test moves the clock.
                await stage.settled()
            await asyncio.wait_for(use(stage), WAIT_S)
        finally:
            scheduler.close()
            if keeping is not None:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)
            await worker.run(clocks.close)
            worker.close()
            device.close()

    asyncio.run(run())


def renamed(table: ServiceTable, units: tuple[str, ...]) -> ServiceTable:
    """The table with other names for its units."""
    return replace(table, units=units)
