"""Networks on disk, which may come from a stranger: each file of a whole small bundle changed by itself."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any

from joulecut_core.errors import BundleError
from joulecut_runtime.networks.bundle import GRAPH_FILE, MANIFEST_FILE, WEIGHTS_FILE, open_bundle, read_manifest
from tests.fuzz.target import Target
from tests.integration.tiny_network import pack_tiny


def bundle_targets() -> list[Target[Any]]:
    """The cover sheet alone, and the whole bundle with one of its files changed."""
    folder = Path(tempfile.mkdtemp(prefix="joulecut-fuzz-bundle-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    pack_tiny(folder)
    manifest = (folder / MANIFEST_FILE).read_bytes()

    def cover(data: bytes) -> object:
        (folder / MANIFEST_FILE).write_bytes(data)
        try:
            return read_manifest(folder)
        finally:
            (folder / MANIFEST_FILE).write_bytes(manifest)

    return [
        Target(name="manifest", read=cover, seeds=[manifest], refusals=(BundleError,)),
        _whole(folder, GRAPH_FILE, rate=0.01),
        _whole(folder, WEIGHTS_FILE, rate=0.01),
    ]


def _whole(folder: Path, name: str, *, rate: float) -> Target[Any]:
    path = folder / name
    sound = path.read_bytes()

    def read(data: bytes) -> str:
        path.write_bytes(data)
        try:
            return open_bundle(folder).digest
        finally:
            path.write_bytes(sound)

    return Target(name=f"bundle-{path.stem}", read=read, seeds=[sound], refusals=(BundleError,), rate=rate)
