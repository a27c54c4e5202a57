"""The devices joulecut runs on; today emulated ones, described by the files in `files/`."""

from joulecut_runtime.devices.device_file import DeviceFile, load_device_file
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.devices.opening import device_names, open_device

__all__ = ["DeviceFile", "EmulatedDevice", "device_names", "load_device_file", "open_device"]
