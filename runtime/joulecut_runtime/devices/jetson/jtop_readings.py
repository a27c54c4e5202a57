"""The child of `jtop_check`: imports jtop, which sets the start method of processes, and writes what it reads as JSON.

python -m joulecut_runtime.devices.jetson.jtop_readings COUNT
{"ready": true}                                      jtop answers: the window begins
{"rails": {"VDD_IN": [4712, ...]}}                   COUNT readings in mW: the window has ended
{"absent": "no module named jtop"}                   instead of both, where jtop cannot say
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Mapping


def main(arguments: list[str]) -> int:
    """Write the readings to standard output; always ends well, since "absent" is an answer."""
    try:
        _read_rails(int(arguments[0]))
    except Exception as error:  # noqa: BLE001 - whatever jtop raises, its absence is the answer
        _tell({"absent": f"{type(error).__name__}: {error}"})
    return 0


def _read_rails(count: int) -> None:
    rails: dict[str, list[float]] = {}
    with importlib.import_module("jtop").jtop() as service:
        service.ok()  # waits for jtop's next update
        _tell({"ready": True})
        for _ in range(count):
            service.ok()
            for label, values in service.power["rail"].items():
                rails.setdefault(str(label), []).append(float(values["power"]))
    _tell({"rails": rails})


def _tell(message: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
