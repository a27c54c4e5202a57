"""The edge-agent: one device, one network, an endpoint for applications, and a server where one is found.

start: bundle -> device -> profile -> local plan -> serve -> look for a server
stop:  finish requests under way -> release at the server -> restore clocks -> exit
"""

from __future__ import annotations

import asyncio
import logging
import socket
import uuid
from collections.abc import AsyncIterator, Set
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from joulecut_core.errors import BundleError, ConfigError, JoulecutError, LinkError
from joulecut_core.lifecycle import for_long, log_failure, serve_until_stopped
from joulecut_core.problems import Slo
from joulecut_core.programs import end_at_once
from joulecut_core.spans import NO_TRACER
from joulecut_core.time_limits import within
from joulecut_core.timing import Clock, ScaledClock, SystemClock
from joulecut_core.wires import WireTable, load_wires
from joulecut_edge.config import EdgeConfig
from joulecut_edge.endpoint import EdgeEndpoint, expect_to_fit, most_bytes, request_room
from joulecut_edge.offloading.edge_identity import EdgeIdentity
from joulecut_edge.offloading.offloading import Offloading
from joulecut_edge.offloading.replanning import Replanning, uplinks_around
from joulecut_edge.peers.bundle_fetch import ensure_bundle
from joulecut_edge.peers.servers import Candidate, Servers, parse_servers
from joulecut_edge.peers.transport import Transport
from joulecut_edge.plans.local_active_plan import local_active_plan
from joulecut_edge.plans.wishes import Wishes
from joulecut_edge.requests.request_observer import RequestObserver
from joulecut_edge.requests.session import EdgeSession
from joulecut_proto.addresses import check_free, parse_address
from joulecut_proto.call_threads import call_threads
from joulecut_proto.channels import bind, make_server, stop
from joulecut_proto.discovery import Browser
from joulecut_proto.memory import keep_freed_memory
from joulecut_proto.open_files import allow_open_files
from joulecut_proto.servicers import add_local
from joulecut_proto.tracing.starting import start_traces
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.execution.clock_watch import watch_clocks
from joulecut_runtime.execution.device_engine import engine_on
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_runtime.execution.hung_work import longest_work_s
from joulecut_runtime.execution.leaving import HungDeviceError, let_go
from joulecut_runtime.execution.part_runner import PartRunner
from joulecut_runtime.networks.bundle import MANIFEST_FILE
from joulecut_runtime.networks.network import Network
from joulecut_runtime.networks.signed_network import load_signed
from joulecut_runtime.profiling.provision import provide_profile
from joulecut_runtime.profiling.store import ProfileStore, default_profile_folder
from joulecut_runtime.wires.measurement import lossless_wires

if TYPE_CHECKING:
    from joulecut_proto.tracing.opening import Traces

_LOG = logging.getLogger(__name__)

_DRAIN_S = 5.0
_LEAST_RATE_HZ = 0.5
"""Of requests measured under the board's governor: it has settled in their pauses, and rarer ones take hours."""
_FIND_S = 10.0
"""How long a start that needs a server's bundle waits for one to be announced, resolved or listed."""
_MOST_ASKED = 64
"""Servers that announced themselves and had no such bundle: anybody may announce more for as long as he likes."""


async def run_agent(config: EdgeConfig, *, ends_with: int | None = None) -> None:
    """Serve applications until a signal or the end of the pipe `ends_with`; then drain and restore the device's clocks.

    Raises ConfigError, BundleError, ProfileError or DeviceError where it cannot start.
    """
    ready_file = Path(config.ready_file) if config.ready_file else None
    async with call_threads():
        try:
            await serve_until_stopped(for_long(serving(config)), ready_file, ends_with=ends_with)
        except HungDeviceError as error:
            end_at_once(error)


def _prepare_process(config: EdgeConfig) -> None:
    torch.set_num_threads(config.threads)
    keep_freed_memory()
    allow_open_files()


@asynccontextmanager
async def serving(config: EdgeConfig) -> AsyncIterator[str]:
    """An edge-agent that serves inside the context; gives the address of its endpoint. Leaving drains it."""
    _prepare_process(config)
    wishes = Wishes.from_config(config)
    clock: Clock = SystemClock() if config.slowdown == 1.0 else ScaledClock(config.slowdown)
    transport = Transport(config.tls, insecure=config.insecure)
    await asyncio.to_thread(transport.check_endpoint, config.listen)
    async with AsyncExitStack() as stack:
        servers = await _servers(config, stack, transport)
        device = await asyncio.to_thread(
            open_device, config.device, clock=clock, seed=config.seed, options=config.hardware
        )
        worker = DeviceWorker(clock)
        stack.callback(let_go, worker, device)
        # Before the work of a first start; taken only when there is somebody to answer.
        check_free(parse_address(config.listen))
        network = await _load_network(config, servers, transport)
        wires = _wires(config, network)
        engine = engine_on(device, config.hardware, clock=clock)
        profile = await asyncio.to_thread(
            provide_profile,
            network,
            device,
            device_name=config.device,
            seed=config.seed,
            side="edge",
            clock=clock,
            store=_profile_store(config),
            engine=engine,
            governed_rates_hz=_measured_rates_hz(config.slo),
        )
        runner = PartRunner(network, device, engine)
        traces = await start_traces(config.traces, stack, service="joulecut-edge", name=config.name, clock=clock)
        local = local_active_plan(profile, wishes)
        session = EdgeSession(runner, worker, clock, local)
        await session.go_local()
        identity = EdgeIdentity(
            name=config.name,
            session_id=f"{config.name}-{uuid.uuid4().hex[:12]}",
            slowdown=config.slowdown,
            network=network,
            profile=profile,
            wires=wires,
            radio=config.radio,
            priority=config.priority,
        )
        session.session_id = identity.session_id
        offloading = Offloading(
            identity,
            session,
            clock,
            wishes,
            servers,
            transport=transport,
            refit=config.planning.refit,
            renew_s=config.renew_s,
        )
        replanning = _replanning(session, offloading, clock) if config.planning.follow_link else None
        observer = _observer(config, runner, session, offloading, stack, replanning, traces)
        tracer = NO_TRACER if traces is None else traces.tracer
        server = make_server(secured=False, limit_bytes=most_bytes(network.table))
        endpoint = EdgeEndpoint(runner, session, offloading, clock, config.slowdown, observer, tracer)
        add_local(server, endpoint, request_room(network.table))
        port = bind(server, config.listen, security=None)
        await server.start()
        parts = [
            offloading.keep(),
            offloading.keep_fitting(),
            watch_clocks(session.verify_clocks, worker),
            session.turns.keep(longest_work_s((profile,))),
        ]
        if replanning is not None:
            parts.append(replanning.keep())
        tasks = [asyncio.create_task(part) for part in parts]
        for task in tasks:
            task.add_done_callback(log_failure)
        try:
            yield _endpoint_address(config, port)
        finally:
            await stop(server, _DRAIN_S)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if replanning is not None:
                await replanning.stop()
            await offloading.stop()
            await session.close()
            _LOG.info("stopped; clocks restored")


def _replanning(session: EdgeSession, offloading: Offloading, clock: Clock) -> Replanning:
    """Who follows the link, told of what crosses it and asking for plans around it."""
    replanning = Replanning(session, offloading, clock)
    session.transfers, session.drift.link_is_followed = replanning, True
    offloading.planning.uplinks = uplinks_around
    return replanning


def _observer(
    config: EdgeConfig,
    runner: PartRunner,
    session: EdgeSession,
    offloading: Offloading,
    stack: AsyncExitStack,
    replanning: Replanning | None,
    traces: Traces | None,
) -> RequestObserver | None:
    if not config.metrics.wanted:
        return None
    from joulecut_edge.metrics import EdgeMetrics  # noqa: PLC0415 - the library for it is an extra

    metrics = EdgeMetrics(runner.device, session, offloading, replanning)
    metrics.add_agent(config.tls, traces)
    stack.push_async_callback(asyncio.to_thread, metrics.serve(config.metrics).close)
    return metrics


async def _servers(config: EdgeConfig, stack: AsyncExitStack, transport: Transport) -> Servers:
    """Where servers may be: the configured ones, or whatever the network announces."""
    entries, wall = parse_servers(config.server), SystemClock()
    if entries:
        for entry in entries:
            if entry.address is not None:
                await asyncio.to_thread(transport.check_configured, str(entry.address))
        # Edges of one name, as of a copied configuration, are told apart by their hosts.
        return Servers(entries, wall, edge=f"{config.name}@{socket.gethostname()}", spread=config.spread)
    try:
        browser = await asyncio.to_thread(Browser)
    except OSError as error:
        _LOG.warning("no multicast here (%s): running locally; name a server in the configuration to use one", error)
        return Servers((), wall)
    stack.push_async_callback(asyncio.to_thread, browser.close)
    return Servers((), wall, discovered=browser.addresses)


def _measured_rates_hz(slo: Slo) -> tuple[float, ...]:
    return () if slo.rate_hz is None else (max(slo.rate_hz, _LEAST_RATE_HZ),)


async def _load_network(config: EdgeConfig, servers: Servers, transport: Transport) -> Network:
    folder = Path(config.bundle)
    await _provide_bundle(folder, config, servers, transport)
    try:
        network = await asyncio.to_thread(load_signed, folder, config.signed_by)
        expect_to_fit(network.table)
    except BundleError as error:
        if not config.digest:
            raise
        raise BundleError(f"{error}; delete the folder to fetch it again") from error
    if config.digest not in ("", network.table.digest):
        raise BundleError(
            f"{folder} holds {network.table.network} {network.table.digest}; expected {config.digest}: "
            "give another folder, or leave out --digest"
        )
    return network


async def _provide_bundle(folder: Path, config: EdgeConfig, servers: Servers, transport: Transport) -> None:
    """As `ensure_bundle`, from the servers there are; of those that announce themselves the first may lack it."""
    asked = set[Candidate]()
    failure: JoulecutError | None = None
    while True:
        found = tuple[Candidate, ...]()
        if config.digest and not (folder / MANIFEST_FILE).exists():
            with suppress(asyncio.TimeoutError):
                found = await within(_some(servers, but=asked), _FIND_S)
        if failure is not None and (not found or len(asked) >= _MOST_ASKED):
            raise failure
        try:
            return await ensure_bundle(folder, config.digest, found, signed_by=config.signed_by, transport=transport)
        except (BundleError, LinkError) as error:
            if not any(each.is_discovered for each in found):
                raise
            failure = error
            asked.update(found)


async def _some(servers: Servers, *, but: Set[Candidate]) -> tuple[Candidate, ...]:
    while not (found := tuple(each for each in await servers.candidates() if each not in but)):
        await asyncio.sleep(0.1)
    return found


def _profile_store(config: EdgeConfig) -> ProfileStore:
    folder = Path(config.profiles) if config.profiles else default_profile_folder()
    return ProfileStore(folder, shipped=tuple(map(Path, config.shipped_profiles)))


def _wires(config: EdgeConfig, network: Network) -> WireTable:
    if not config.wires:
        _LOG.info("no table of measured wires: only lossless ones are offered")
        return lossless_wires(network.table)
    table = load_wires(Path(config.wires))
    if table.network_digest != network.table.digest:
        raise ConfigError(
            f"wires: {config.wires} is of network {table.network} {table.network_digest}; this edge runs "
            f"{network.table.network} {network.table.digest}: measure its wires with `joulecut profile BUNDLE "
            "--samples FOLDER --wires-out FILE`, or leave the key out"
        )
    return table


def _endpoint_address(config: EdgeConfig, port: int) -> str:
    place = parse_address(config.listen)
    return config.listen if place.path is not None else str(replace(place, port=port))
