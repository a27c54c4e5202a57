"""The devices joulecut runs on: emulated ones, described by the files in `files/`, and real ones behind one seam."""

from joulecut_runtime.devices.device_file import DeviceFile, load_device_file
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.devices.opening import device_names, is_real, open_device
from joulecut_runtime.devices.options import DeviceOptions

__all__ = [
    "DeviceFile",
    "DeviceOptions",
    "EmulatedDevice",
    "device_names",
    "is_real",
    "load_device_file",
    "open_device",
]
