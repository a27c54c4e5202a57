"""A whole diagnosis: which checks are made, in which order, with which limits of time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from joulecut.devices.clock_access import ClockKeeper
from joulecut.devices.inventory import Inventory, Sighting, find_devices
from joulecut.devices.privilege import own_privilege
from joulecut.diagnosis.agent_settings import usual_configs
from joulecut.diagnosis.clock_daemon import examine_clockd
from joulecut.diagnosis.computing import Accelerators, examine_torch, newest_cuda
from joulecut.diagnosis.configurations import examine_configurations
from joulecut.diagnosis.examination import Check, examine
from joulecut.diagnosis.finding import Area, Finding
from joulecut.diagnosis.folders import examine_folders, profile_cache
from joulecut.diagnosis.hardware import examine_device
from joulecut.diagnosis.installation import examine_installation
from joulecut.diagnosis.inventory import examine_inventory
from joulecut.diagnosis.machine import examine_machine
from joulecut.diagnosis.multicast import examine_multicast
from joulecut.diagnosis.named_paths import examine_named_paths
from joulecut.diagnosis.ports import examine_ports
from joulecut.diagnosis.privilege import examine_privilege
from joulecut_core.timing import Clock, SystemClock
from joulecut_runtime.devices.real import RealKind

_DEVICE_S = 20.0
"""Opening measures the meter's period, and so does the check: seconds each, and a GPU that sleeps wakes first."""
_TORCH_S = 90.0
_SERVERS_S = 60.0
"""A host that is off answers nothing until the handshake's own limit, and there may be several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where to look. `devices`: names as in configuration files; empty for all that are here.

    `configs`: the agents' files; empty for those in their usual place. `server`: whom an edge shall call.
    """

    root: Path = Path("/")
    clockd_socket: Path | None = None
    devices: tuple[str, ...] = ()
    configs: tuple[Path, ...] = ()
    server: str | None = None


def diagnose(surroundings: Surroundings) -> tuple[Finding, ...]:
    """Every finding, ordered by area. Changes nothing, and raises nothing that a check ran into."""
    keeper = ClockKeeper(surroundings.root, surroundings.clockd_socket)
    found = examine(_host_checks(keeper))
    inventory, seen = _look(surroundings)
    found += seen
    found += examine(_device_checks(inventory, keeper, SystemClock(), chosen=bool(surroundings.devices)))
    found += examine(_software_checks(inventory))
    found += examine(_agent_checks(surroundings))
    areas = tuple(Area)
    return tuple(sorted(found, key=lambda finding: areas.index(finding.area)))


def _host_checks(keeper: ClockKeeper) -> Sequence[Check]:
    return (
        Check(area=Area.HOST, name="kernel", examine=examine_machine),
        Check(area=Area.VERSIONS, name="versions", examine=examine_installation, timeout_s=15.0),
        Check(area=Area.PRIVILEGE, name="user", examine=lambda: examine_privilege(own_privilege())),
        Check(area=Area.CLOCKD, name="joulecut-clockd", examine=lambda: examine_clockd(keeper)),
    )


def _look(surroundings: Surroundings) -> tuple[Inventory, tuple[Finding, ...]]:
    inventories: list[Inventory] = []

    def look() -> Sequence[Finding]:
        inventories.append(find_devices(surroundings.root, surroundings.devices))
        return tuple(examine_inventory(inventories[0], surroundings.root))

    found = examine([Check(area=Area.DEVICE, name="devices", examine=look, timeout_s=_DEVICE_S)])
    return (inventories[0] if inventories else Inventory(sightings=())), found


def _device_checks(inventory: Inventory, keeper: ClockKeeper, clock: Clock, *, chosen: bool) -> Sequence[Check]:
    def examined(seen: Sighting) -> Iterable[Finding]:
        access_of = keeper.below(seen.root).access
        return examine_device(seen, access_of, clock, wanted=chosen or seen.accelerator)

    return [
        Check(area=Area.DEVICE, name=seen.name, examine=partial(examined, seen), timeout_s=_DEVICE_S)
        for seen in inventory.sightings
    ]


def _software_checks(inventory: Inventory) -> Sequence[Check]:
    def accelerators() -> Accelerators:
        kinds = [seen.kind for seen in inventory.sightings]
        gpus = kinds.count(RealKind.NVML)
        return Accelerators(tegra=RealKind.JETSON in kinds, gpus=gpus, driver_cuda=newest_cuda() if gpus else None)

    return (
        Check(area=Area.TORCH, name="torch", examine=lambda: examine_torch(accelerators), timeout_s=_TORCH_S),
        Check(area=Area.NETWORK, name="ports", examine=examine_ports),
        Check(area=Area.NETWORK, name="multicast", examine=examine_multicast, timeout_s=10.0),
        Check(area=Area.FOLDERS, name="folders", examine=lambda: examine_folders(profile_cache())),
    )


def _agent_checks(surroundings: Surroundings) -> Sequence[Check]:
    configs = surroundings.configs or usual_configs(surroundings.root)

    def certificates() -> Iterable[Finding]:
        from joulecut.diagnosis.certificates import examine_certificates  # noqa: PLC0415 - cryptography is an extra's

        return examine_certificates(configs)

    def servers() -> Iterable[Finding]:
        from joulecut.diagnosis.handshakes import examine_servers  # noqa: PLC0415

        return examine_servers(configs, surroundings.server)

    return (
        Check(area=Area.CONFIG, name="files", examine=lambda: examine_configurations(configs)),
        Check(area=Area.FOLDERS, name="named", examine=lambda: examine_named_paths(configs)),
        Check(area=Area.TLS, name="certificates", examine=certificates, timeout_s=10.0),
        Check(area=Area.TLS, name="servers", examine=servers, timeout_s=_SERVERS_S),
    )
