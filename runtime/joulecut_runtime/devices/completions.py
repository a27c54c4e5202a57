"""What a shell completes on command lines: devices and bundles. Loads nothing, since somebody waits with a key down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_DEVICE_FILES = Path(__file__).parent / "files"
_REAL = ("auto", "cpu", "jetson", "nvml")
_MANIFEST = "manifest.json"


def device_completions(incomplete: str) -> list[str]:
    """Names of devices that begin so: emulated ones by their files, real ones whether they are here or not."""
    emulated = (f"emulated:{file.stem}" for file in sorted(_DEVICE_FILES.glob("*.toml")))
    return [name for name in (*_REAL, *emulated) if name.startswith(incomplete)]


def bundle_completions(incomplete: str) -> list[str]:
    """Folders that begin so, bundles as they are and others with a slash, to go on into them."""
    typed = Path(incomplete)
    parent, beginning = (typed, "") if incomplete.endswith("/") or not incomplete else (typed.parent, typed.name)
    return list(_folders(parent, beginning))


def _folders(parent: Path, beginning: str) -> Iterator[str]:
    try:
        for entry in sorted(parent.iterdir()):
            hidden = entry.name.startswith(".") and not beginning.startswith(".")
            if entry.name.startswith(beginning) and not hidden and entry.is_dir():
                yield str(entry) if (entry / _MANIFEST).is_file() else f"{entry}/"
    except OSError:
        return
