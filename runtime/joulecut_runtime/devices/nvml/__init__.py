"""NVIDIA GPUs through NVML: who they are, what they do, and which clocks they list. Setting clocks: `clockd`."""

from joulecut_runtime.devices.nvml.inventory import GpuRecord, gpu_places, list_gpus
from joulecut_runtime.devices.nvml.probe import NvmlProbe

__all__ = ["GpuRecord", "NvmlProbe", "gpu_places", "list_gpus"]
