"""The engine that computes on a device: torch's own device where that is a GPU torch can use, else the CPU."""

from __future__ import annotations

from joulecut_core.devices import Device
from joulecut_core.errors import ConfigError
from joulecut_core.timing import Clock
from joulecut_runtime.devices.computing import torch_device_for
from joulecut_runtime.devices.options import DeviceOptions
from joulecut_runtime.engines import Engine, EngineName, IntegerPrecision, Precision, open_engine
from joulecut_runtime.networks.network import Network
from joulecut_runtime.quantised.int8_engine import Int8Engine
from joulecut_runtime.quantised.scales import check_count


def engine_on(device: Device, options: DeviceOptions, *, clock: Clock) -> Engine:
    """An engine for the device as the options say. Raises ConfigError for one that cannot run."""
    return open_engine(
        EngineName(options.engine),
        Precision(options.precision),
        torch_device=torch_device_for(device.info),
        clock=clock,
    )


def variant_engine_on(
    device: Device, network: Network, variant: str, options: DeviceOptions, *, clock: Clock
) -> Engine:
    """An engine for a network in a variant's precision. Raises ConfigError saying why it cannot run there."""
    torch_device = torch_device_for(device.info)
    if variant != IntegerPrecision.INT8.value:
        return open_engine(EngineName(options.engine), _precision(variant), torch_device=torch_device, clock=clock)
    if torch_device.type != "cpu":
        raise ConfigError(f"variant int8 on {torch_device}: torch has no integer kernels there; use fp16 or bf16")
    if network.scales is None:
        raise ConfigError(f"variant int8: the bundle of {network.table.network} has no scales; pack it with --int8")
    engine = Int8Engine(network.scales, clock=clock)
    check_count(engine.prepare(network.whole).kernels, network.scales, network.table.network)
    return engine


def _precision(variant: str) -> Precision:
    try:
        return Precision(variant)
    except ValueError as error:
        known = ", ".join(each.value for each in Precision)
        raise ConfigError(f"variant: {variant[:40]!r}; expected one of {known}") from error
