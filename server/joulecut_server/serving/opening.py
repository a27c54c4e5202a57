"""A scheduler for the networks of one server, as its configuration says."""

from __future__ import annotations

from pathlib import Path

from joulecut_core.devices import Device
from joulecut_core.errors import ConfigError
from joulecut_runtime.devices.options import DeviceOptions
from joulecut_runtime.execution.batch_runner import BatchRunner
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_server.served_network import ServedNetwork, ServedNetworks
from joulecut_server.serving.lane import NetworkLane
from joulecut_server.serving.options import ServingOptions
from joulecut_server.serving.policy_clocks import PolicyClocks
from joulecut_server.serving.scheduler import Scheduler
from joulecut_server.serving.tables import make_policy, served_table, service_tables, table_of_profile, timed_switch_s


def make_scheduler(
    options: ServingOptions,
    networks: ServedNetworks,
    *,
    device: Device,
    worker: DeviceWorker,
    clocks: PolicyClocks,
    hardware: DeviceOptions,
    kept: Path | None = None,
) -> Scheduler:
    """One lane for each network, each with a policy of its own; may take seconds, which policies prepare in.

    `hardware`: how the device was opened, which its further precisions follow. `kept`: a folder for what policies
    prepare once for a table.

    Raises ConfigError for an unknown policy or a table of something else, ProfileError where a table cannot be read,
    ClockError where it has clocks that this device lacks.
    """
    tables = dict(service_tables(options))
    switch_s = 0.0
    if any(network.name not in tables for network in networks):
        switch_s = timed_switch_s(device, clock=worker.clock)
    lanes = []
    for network in networks:
        found = tables.pop(network.name, None)
        if found is None:
            found = table_of_profile(network.profile, network.runner.network.table, switch_s=switch_s)
        runner = _batches(network)
        policy = make_policy(options, served_table(found, runner, hardware, clock=worker.clock), kept=kept)
        lanes.append(NetworkLane(runner, policy, options))
    if tables:
        raise ConfigError(f"serving.tables: none of the networks served here is {', '.join(sorted(tables))}")
    return Scheduler(lanes, device=device, worker=worker, clocks=clocks, slo_s=options.slo_s)


def _batches(network: ServedNetwork) -> BatchRunner:
    if not isinstance(network.runner, BatchRunner):
        raise ConfigError(f"{network.name} was loaded to be run a request at a time")
    return network.runner
