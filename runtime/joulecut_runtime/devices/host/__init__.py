"""The host's CPU as a device: clocks through cpufreq, joules through RAPL, seconds anywhere."""

from joulecut_runtime.devices.host.kernel_files import KernelFiles
from joulecut_runtime.devices.host.probe import HostProbe
from joulecut_runtime.devices.host.rapl import RaplMeter

__all__ = ["HostProbe", "KernelFiles", "RaplMeter"]
