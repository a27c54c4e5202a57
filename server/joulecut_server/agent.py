"""The server-agent: one device, its networks, four services and an announcement.

start: device -> networks -> profiles -> bind -> serve -> announce
stop:  NOT_SERVING -> refuse new requests -> finish those under way -> restore clocks -> exit
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import grpc.aio
import platformdirs
import torch
from grpc_reflection.v1alpha import reflection

from joulecut_core.devices import Device
from joulecut_core.errors import LinkError
from joulecut_core.lifecycle import for_long, log_failure, serve_until_stopped
from joulecut_core.programs import end_at_once
from joulecut_core.spans import NO_TRACER
from joulecut_core.timing import Clock, ScaledClock, SystemClock
from joulecut_proto.addresses import check_free, parse_address
from joulecut_proto.call_threads import call_threads
from joulecut_proto.channels import EDGES_LIMIT_BYTES, MESSAGE_LIMIT_BYTES, bind, make_server, stop
from joulecut_proto.discovery import Advertisement
from joulecut_proto.health_service import HEALTH_SERVICE, HealthStates, add_health
from joulecut_proto.memory import keep_freed_memory
from joulecut_proto.open_files import allow_open_files
from joulecut_proto.security.guards import Guards
from joulecut_proto.servicers import add_agent, add_inference, add_planner
from joulecut_proto.tracing.starting import start_traces
from joulecut_proto.v1 import agent_pb2, inference_pb2, planning_pb2
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.execution.batch_runner import BatchRunner
from joulecut_runtime.execution.clock_watch import watch_clocks
from joulecut_runtime.execution.device_engine import engine_on
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_runtime.execution.hung_work import longest_work_s
from joulecut_runtime.execution.leaving import HungDeviceError, give_back, let_go
from joulecut_runtime.execution.part_runner import PartRunner
from joulecut_runtime.networks.signed_network import load_signed
from joulecut_runtime.profiling.provision import provide_profile
from joulecut_runtime.profiling.store import ProfileStore, default_profile_folder
from joulecut_server.access.gate import AccessGate
from joulecut_server.access.opening import listening_security, open_gate
from joulecut_server.access.revoking import RulesInForce
from joulecut_server.clock_keeper import ClockKeeper
from joulecut_server.config import ServerConfig
from joulecut_server.dashboard.parts import AgentParts
from joulecut_server.device_clocks import DeviceClocks
from joulecut_server.planning.planning import ServerPlanning
from joulecut_server.planning.solving import ServerSolver
from joulecut_server.reporting.device_watch import DeviceWatch
from joulecut_server.reporting.health_port import open_health
from joulecut_server.reporting.load import LoadGauge
from joulecut_server.reporting.self_report import ServerReport
from joulecut_server.requests.inference import ServerInference
from joulecut_server.requests.spans import RequestSpans
from joulecut_server.rule_changes import ConfigSource, RuleChanges
from joulecut_server.served_network import ServedNetwork, ServedNetworks
from joulecut_server.serving.opening import make_scheduler
from joulecut_server.serving.policy_clocks import PolicyClocks
from joulecut_server.serving.scheduler import Scheduler
from joulecut_server.sessions.epochs import EpochCounter
from joulecut_server.sessions.session_clocks import SessionClocks
from joulecut_server.sessions.sessions import SessionBook
from joulecut_server.sessions.streams import SessionStreams

if TYPE_CHECKING:
    from joulecut_proto.tracing.opening import Traces

_LOG = logging.getLogger(__name__)

_SERVICES = tuple(
    module.DESCRIPTOR.services_by_name[name].full_name
    for module, name in ((agent_pb2, "Agent"), (planning_pb2, "Planner"), (inference_pb2, "Inference"))
)


async def run_agent(config: ServerConfig, *, ends_with: int | None = None, source: ConfigSource | None = None) -> None:
    """Serve until a signal or the end of the pipe `ends_with`; then drain and restore the device's clocks.

    `source`: where other rules and limits come from while it serves; None: from nowhere.

    Raises ConfigError, BundleError, ProfileError or DeviceError where it cannot start.
    """
    ready_file = Path(config.ready_file) if config.ready_file else None
    async with call_threads():
        try:
            await serve_until_stopped(for_long(serving(config, source=source)), ready_file, ends_with=ends_with)
        except HungDeviceError as error:
            end_at_once(error)


@asynccontextmanager
async def serving(
    config: ServerConfig,
    *,
    gauged: Callable[[LoadGauge], None] | None = None,
    source: ConfigSource | None = None,
) -> AsyncIterator[str]:
    """A server-agent that serves inside the context; gives its `host:port`. Leaving drains it.

    `gauged` is given what reads its load, before it serves. `source`: as for `run_agent`, in the main thread only.
    """
    _prepare_process(config)
    clock: Clock = SystemClock() if config.slowdown == 1.0 else ScaledClock(config.slowdown)
    place = parse_address(config.listen)
    security = await asyncio.to_thread(listening_security, config.tls, place, insecure=config.insecure)
    async with AsyncExitStack() as stack:
        device = await asyncio.to_thread(
            open_device, config.device, clock=clock, seed=config.seed, options=config.hardware
        )
        worker = DeviceWorker(clock)
        stack.callback(let_go, worker, device)
        # Before the work of a first start; taken only when there is somebody to answer.
        check_free(place)
        sessions = SessionBook(_epochs(config))
        networks = await asyncio.to_thread(_load_networks, config, device, clock)
        gate = open_gate(config.tls, config.access, security=security, networks=networks, clock=clock)
        clocks = _clocks(config, device, clock, gate)
        scheduler = await asyncio.to_thread(_scheduler, config, networks, device, worker, clocks)
        session_clocks = SessionClocks(sessions, worker, clocks)
        streams = SessionStreams(sessions, gate.ending(session_clocks.release))
        planning = ServerPlanning(
            networks,
            sessions,
            worker,
            session_clocks,
            activated=streams.expect,
            share_of=gate.share_of,
            limits=config.limits,
        )
        stack.callback(planning.close)
        solver = ServerSolver(config.planning)
        stack.callback(solver.close)
        watch = DeviceWatch(device, worker, longest_s=longest_work_s(network.profile for network in networks))
        stack.callback(watch.close)
        traces = await start_traces(config.traces, stack, service="joulecut-server", name=config.name, clock=clock)
        inference = ServerInference(
            networks,
            sessions,
            worker,
            streams,
            scheduler=scheduler,
            limits=config.limits,
            watch=watch,
            spans=RequestSpans(clock, NO_TRACER if traces is None else traces.tracer, lambda: clocks.leased),
            follow=session_clocks.follow,
            share_of=gate.share_of,
            priority_of=gate.priority_of,
        )
        rules = RulesInForce(gate, planning, session_clocks, inference)
        changes = None if source is None else RuleChanges(source, config, rules.apply)
        if gauged is not None:
            gauged(LoadGauge(watch, clock, networks, sessions, inference))
        parts = AgentParts(
            device=device,
            clock=clock,
            clocks=clocks,
            networks=networks,
            sessions=sessions,
            planning=planning,
            inference=inference,
            watch=watch,
            rules=lambda: gate.options,
            owner_of=gate.owners.owner,
        )
        await _observe(config, parts, changes, traces, stack)
        server, healthy = _server(config, parts, solver, gate.guards, secured=security is not None)
        await open_health(config.health_listen, healthy, stack)
        port = bind(server, config.listen, security)
        await server.start()
        healthy.tell(("", *_SERVICES), serving=True)
        advertisement = await asyncio.to_thread(_advertise, config, place.host, port)
        watch.changed = partial(_tell_device, healthy, inference, watch)
        async with _kept(device, clocks, worker, scheduler, watch, changes):
            try:
                yield str(place if place.path is not None else replace(place, port=port))
            finally:
                # First, and by calls that wait for nobody: no peer may put the drain off.
                healthy.tell(("", *_SERVICES), serving=False)
                inference.drain()
                if advertisement is not None:
                    await asyncio.to_thread(advertisement.close)
                await stop(server, config.drain_s)
        _LOG.info("stopped; clocks restored")


@asynccontextmanager
async def _kept(
    device: Device,
    clocks: DeviceClocks,
    worker: DeviceWorker,
    scheduler: Scheduler | None,
    watch: DeviceWatch,
    changes: RuleChanges | None,
) -> AsyncIterator[None]:
    """Device, clocks, rules looked after, requests scheduled; leaving turns away what waits and restores the clocks."""
    tasks = [asyncio.create_task(watch_clocks(clocks.verify, worker)), asyncio.create_task(watch.keep())]
    if scheduler is not None:
        tasks.append(asyncio.create_task(scheduler.keep()))
    if changes is not None:
        tasks.append(asyncio.create_task(changes.keep()))
    for task in tasks:
        task.add_done_callback(log_failure)
    try:
        yield
    finally:
        if scheduler is not None:
            scheduler.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await give_back(clocks.close, worker, device)


def _prepare_process(config: ServerConfig) -> None:
    torch.set_num_threads(config.threads)
    allow_open_files()
    keep_freed_memory()


def _clocks(config: ServerConfig, device: Device, clock: Clock, gate: AccessGate) -> DeviceClocks:
    """Sessions decide the clock, as far as they have a say; where requests are scheduled, the policy does."""
    if config.serving is not None:
        return PolicyClocks(device)
    return ClockKeeper(device, clock, may_wish=gate.may_wish, share_of=gate.share_of)


def _scheduler(
    config: ServerConfig, networks: ServedNetworks, device: Device, worker: DeviceWorker, clocks: DeviceClocks
) -> Scheduler | None:
    """Who decides what runs next, where the configuration asks for it."""
    if config.serving is None or not isinstance(clocks, PolicyClocks):
        return None
    kept = _profile_folder(config) / "decisions"
    return make_scheduler(
        config.serving, networks, device=device, worker=worker, clocks=clocks, hardware=config.hardware, kept=kept
    )


async def _observe(
    config: ServerConfig, parts: AgentParts, changes: RuleChanges | None, traces: Traces | None, stack: AsyncExitStack
) -> None:
    """Metrics and dashboard are told of replies, where the configuration asks for them. Both are extras."""
    if config.metrics.wanted:
        from joulecut_server.reporting.metrics import ServerMetrics  # noqa: PLC0415

        metrics = ServerMetrics(parts.device, parts.clocks, parts.sessions, parts.planning, parts.inference)
        metrics.add_agent(config.tls, traces)
        if changes is not None:
            metrics.add_rules(changes)
        stack.push_async_callback(asyncio.to_thread, metrics.serve(config.metrics).close)
        parts.inference.observers.add(metrics)
    if config.dashboard.wanted:
        from joulecut_server.dashboard.opening import serving_board  # noqa: PLC0415

        board = await stack.enter_async_context(serving_board(config, parts))
        parts.planning.planned = board.planned
        parts.inference.observers.add(board)


def _server(
    config: ServerConfig, parts: AgentParts, solver: ServerSolver, guards: Guards, *, secured: bool
) -> tuple[grpc.aio.Server, HealthStates]:
    """The four services, and the standard ones for whoever got as far as a connection; what health tells."""
    server = make_server(secured=secured, limit_bytes=_limit_bytes(config))
    report = ServerReport(
        name=config.name,
        slowdown=config.slowdown,
        device=parts.device,
        reading=parts.watch.reading,
        clock=parts.clock,
        clocks=parts.clocks,
        networks=parts.networks,
        sessions=parts.sessions,
    )
    add_agent(server, report, guards)
    add_planner(server, parts.planning, solver, guards)
    add_inference(server, parts.inference, guards)
    healthy = HealthStates()
    add_health(server, healthy, guards.callers)
    if config.reflects:
        reflection.enable_server_reflection((*_SERVICES, HEALTH_SERVICE, reflection.SERVICE_NAME), server)
    return server, healthy


def _limit_bytes(config: ServerConfig) -> int:
    """Of a message: edges send small ones, and could leave half of a large one on each of their streams."""
    return MESSAGE_LIMIT_BYTES if config.planning_only else EDGES_LIMIT_BYTES


def _tell_device(healthy: HealthStates, inference: ServerInference, watch: DeviceWatch) -> None:
    """Edges go elsewhere while the device is lost; plans, bundles and profiles are still there for them."""
    if not inference.draining:
        healthy.tell(_SERVICES[-1:], serving=watch.well)


def _profile_folder(config: ServerConfig) -> Path:
    return Path(config.profiles) if config.profiles else default_profile_folder()


def _load_networks(config: ServerConfig, device: Device, clock: Clock) -> ServedNetworks:
    store = ProfileStore(_profile_folder(config), shipped=tuple(map(Path, config.shipped_profiles)))
    engine = engine_on(device, config.hardware, clock=clock)
    served = []
    for bundle in config.bundles:
        network = load_signed(Path(bundle), config.signed_by)
        profile = provide_profile(
            network,
            device,
            device_name=config.device,
            seed=config.seed,
            side="server",
            clock=clock,
            store=store,
            engine=engine,
        )
        runner = (PartRunner if config.serving is None else BatchRunner)(network, device, engine)
        served.append(ServedNetwork(folder=Path(bundle), runner=runner, profile=profile))
        _LOG.info("serving %s %s", network.table.network, network.table.digest)
    return ServedNetworks(tuple(served))


def _epochs(config: ServerConfig) -> EpochCounter:
    folder = Path(config.state) if config.state else Path(platformdirs.user_state_dir("joulecut"))
    epochs = EpochCounter(folder / f"{config.name}.epoch")
    if not config.planning_only:
        epochs.check()
    return epochs


def _advertise(config: ServerConfig, host: str, port: int) -> Advertisement | None:
    """An announcement where the network allows one; a Unix socket, or who serves no edge, has none."""
    if not config.advertise or not host or config.planning_only:
        return None
    try:
        return Advertisement(config.name, host, port)
    except LinkError as error:
        _LOG.warning("edges need this server's address in their configuration: %s", error)
        return None
