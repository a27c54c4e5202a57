"""What torch says of itself, as one line of JSON. Run as a program, so that a torch that crashes or hangs harms nobody.

Imports torch inside, and nothing of the project.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def torch_report() -> dict[str, Any]:
    """Version, CUDA it was built for, and the devices it sees; the reason where it cannot start CUDA."""
    import torch  # noqa: PLC0415 - so that a missing torch is an answer of `main`

    report: dict[str, Any] = {
        "version": torch.__version__,
        "built_cuda": torch.version.cuda,
        "cuda_available": False,
        "reason": None,
        "architectures": [],
        "devices": [],
        "threads": torch.get_num_threads(),
    }
    if torch.version.cuda is None:
        return report
    try:
        report["cuda_available"] = torch.cuda.is_available()
        report["architectures"] = list(torch.cuda.get_arch_list())
        if report["cuda_available"]:
            report["devices"] = [_device(torch.cuda.get_device_properties(i)) for i in range(torch.cuda.device_count())]
        else:
            torch.cuda.current_device()
    except Exception as error:  # noqa: BLE001 - whatever torch raises here is what is reported
        report["reason"] = " ".join(str(error).split())
    return report


def _device(properties: Any) -> dict[str, Any]:
    uuid = getattr(properties, "uuid", None)
    return {
        "name": properties.name,
        "capability": [properties.major, properties.minor],
        "uuid": None if uuid is None else f"GPU-{uuid}",
    }


def main() -> None:
    """Write the report to standard output; an empty object where torch is not installed."""
    try:
        report = torch_report()
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        report = {}
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
