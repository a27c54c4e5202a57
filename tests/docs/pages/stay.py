"""Where a page says things are, and where they are while a test runs it."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.architecture.tree import ROOT
from tests.free_ports import free_port

_PORT = re.compile(r"(?<=:)(50551|50550|8080|9464)\b")
_FOLDERS = re.compile(r"(?<![\w.])/(?=(?:etc|var/lib|run)/joulecut\b)")
_NAMES: Mapping[str, str] = {
    ".venv/bin/": "",
    "/opt/joulecut/bin/": "",
    "/tmp/": "{folder}/tmp/",  # noqa: S108 - what pages say
    "0.0.0.0": "127.0.0.1",  # noqa: S104 - not bound here
    "gpu-box.local": "localhost",
    "--device jetson ": "--device emulated:orin-nano-15w ",
    "--device nvml:0 ": "--device emulated:t4 ",
    "openssl pkcs12 -export ": "openssl pkcs12 -export -passout pass:word ",  # it asks a terminal otherwise
}


@dataclass(frozen=True, slots=True)
class Stay:
    """A page's stay in a folder: a copy of docs/examples, and a machine's folders below it.

    Text of the page is taken as it stands but for what only one test at a time could have: fixed ports, folders that
    belong to root, names of other hosts, devices that are boards.
    """

    folder: Path
    _ports: dict[str, int] = field(default_factory=dict)

    def furnish(self) -> None:
        """Make the folders that the page finds."""
        shutil.copytree(ROOT / "docs" / "examples", self.folder / "docs" / "examples")
        for place in ("etc/joulecut", "run/joulecut", "var/lib/joulecut", "tmp"):
            (self.folder / place).mkdir(parents=True)

    def here(self, text: str) -> str:
        """The page's text with places of this stay."""
        for name, place in _NAMES.items():
            text = text.replace(name, place.format(folder=self.folder))
        text = _FOLDERS.sub(f"{self.folder}/", text)
        return _PORT.sub(lambda match: str(self._ports.setdefault(match[0], free_port())), text)

    def environment(self, programs: Path) -> dict[str, str]:
        """That of the page's commands: `programs` come first, nothing is kept or announced outside the folder."""
        return {
            **os.environ,
            "PATH": os.pathsep.join((str(programs), str(Path(sys.executable).parent), os.environ["PATH"])),
            "OMP_NUM_THREADS": "1",
            "HOME": str(self.folder),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "JOULECUT_EDGE_LISTEN": f"unix:{self.folder}/run/joulecut/edge.sock",
            "JOULECUT_SERVER_ADVERTISE": "false",
        }
