"""Meters made of others: watts somebody configured, a board with its host, and a second opinion from Zeus."""

from joulecut_runtime.devices.meters.estimated import EstimatedMeter
from joulecut_runtime.devices.meters.host_power import ConfiguredHost, HostMeter, WithHostPower
from joulecut_runtime.devices.meters.zeus import CrossCheck, cross_check

__all__ = ["ConfiguredHost", "CrossCheck", "EstimatedMeter", "HostMeter", "WithHostPower", "cross_check"]
