"""Compile the fake library with the system's C compiler, once per process and set of symbols."""

from __future__ import annotations

import atexit
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

SONAME = "libnvidia-ml.so.1"
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
NO_COMPILER = "no C compiler (cc, gcc or clang) to build the fake libnvidia-ml.so.1 with"

_SOURCES = tuple(Path(__file__).parent / name for name in ("machine.c", "library.c"))


@cache
def symbols() -> frozenset[str]:
    """Every call that the fake offers."""
    source = (Path(__file__).parent / "library.c").read_text(encoding="utf-8")
    plain = re.findall(r"^(?:nvmlReturn_t|const char \*) ?\*?(nvml\w+)\(", source, flags=re.MULTILINE)
    answers = re.findall(r"^ANSWER\([\w ]+, (nvml\w+),", source, flags=re.MULTILINE)
    return frozenset(plain) | frozenset(answers)


@cache
def library_folder(leave_out: frozenset[str] = frozenset()) -> Path:
    """A folder with the library alone in it, for LD_LIBRARY_PATH; `leave_out` names calls an old driver lacks."""
    if unknown := leave_out - symbols():
        raise ValueError(f"the fake has no call {sorted(unknown)} to leave out")
    folder = Path(tempfile.mkdtemp(prefix="library", dir=_root()))
    exported = folder / "exported.map"
    names = "".join(f"{name}; " for name in sorted(symbols() - leave_out))
    exported.write_text(f"{{ global: {names} local: *; }};\n", encoding="utf-8")
    linking = [f"-Wl,-soname,{SONAME}", f"-Wl,--version-script={exported}"]
    _compile("-shared", *linking, *map(str, _objects()), "-lm", "-lpthread", "-o", str(folder / SONAME))
    return folder


@cache
def _objects() -> tuple[Path, ...]:
    options = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-fPIC", "-c")
    objects = tuple(_root() / f"{source.stem}.o" for source in _SOURCES)
    for source, compiled in zip(_SOURCES, objects, strict=True):
        _compile(*options, str(source), "-o", str(compiled))
    return objects


def _compile(*arguments: str) -> None:
    if COMPILER is None:
        raise RuntimeError(NO_COMPILER)
    result = subprocess.run([COMPILER, *arguments], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"the fake library does not compile:\n{result.stderr}")


@cache
def _root() -> Path:
    root = Path(tempfile.mkdtemp(prefix="joulecut-fake-nvml-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root
