"""Which versions are installed, read from package metadata: nothing is imported, jetson-stats least of all."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Callable, Iterator, Mapping

from joulecut.diagnosis.finding import Area, Fact, Finding, Status

Lookup = Callable[[str], "str | None"]
"""The version of an installed distribution; None where there is none."""

_PLAIN = ("numpy", "scipy", "typer", "rich")
_EXTRAS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "torch": ("running and profiling networks", ("torch",)),
    "runtime": ("real devices and bundles", ("nvidia-ml-py", "safetensors", "pillow")),
    "agents": (
        "edge-agent and server-agent",
        (
            "grpcio",
            "grpcio-health-checking",
            "grpcio-reflection",
            "protobuf",
            "cryptography",
            "zeroconf",
            "ifaddr",
            "platformdirs",
            "python-json-logger",
            "uvloop",
            "xxhash",
        ),
    ),
}
_SHADOWED_BELOW = 12
"""Releases of the distribution `pynvml` before 12 put their own module `pynvml` over that of nvidia-ml-py."""


def installed_version(distribution: str) -> str | None:
    """The version of `distribution` as its metadata say; None where it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def examine_installation(version_of: Lookup = installed_version) -> Iterator[Finding]:
    """The versions of joulecut, Python and each extra, and packages that get in each other's way."""
    yield _joulecut(version_of)
    for extra, (purpose, packages) in _EXTRAS.items():
        yield _extra(extra, purpose, {package: version_of(package) for package in packages})
    yield from _second_nvml(version_of("pynvml"))
    yield from _jetson_stats(version_of("jetson-stats"))
    yield from _contract()


def _joulecut(version_of: Lookup) -> Finding:
    version = version_of("joulecut")
    python = platform.python_version()
    facts: dict[str, Fact] = {
        "joulecut": version,
        "python": python,
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
        **{package: version_of(package) for package in _PLAIN},
    }
    return Finding(
        area=Area.VERSIONS,
        name="joulecut",
        status=Status.OK,
        what=f"joulecut {version or 'from a source tree'} on Python {python}",
        facts=facts,
    )


def _extra(extra: str, purpose: str, versions: Mapping[str, str | None]) -> Finding:
    missing = [package for package, version in versions.items() if version is None]
    there = ", ".join(f"{package} {version}" for package, version in versions.items() if version is not None)
    if not missing:
        return Finding(area=Area.VERSIONS, name=extra, status=Status.OK, what=there, facts=dict(versions))
    return Finding(
        area=Area.VERSIONS,
        name=extra,
        status=Status.NOTE,
        what=f"{', '.join(missing)} not installed; without it there is no {purpose}" + (f" ({there})" if there else ""),
        remedy=_install(extra),
        facts=dict(versions),
    )


def _install(extra: str) -> str:
    if extra == "torch":
        return "`pip install 'joulecut[torch]'`; on a Jetson NVIDIA's wheel for its JetPack instead"
    return f"`pip install 'joulecut[{extra}]'`"


def _second_nvml(version: str | None) -> Iterator[Finding]:
    if version is None:
        return
    major = version.split(".")[0]
    shadows = major.isdigit() and int(major) < _SHADOWED_BELOW
    yield Finding(
        area=Area.VERSIONS,
        name="pynvml",
        status=Status.WARNING if shadows else Status.NOTE,
        what=f"the retired distribution pynvml {version} is installed beside nvidia-ml-py"
        + (" and may hide its module" if shadows else ""),
        remedy="`pip uninstall pynvml`, then `pip install --force-reinstall nvidia-ml-py`",
        facts={"pynvml": version},
    )


def _jetson_stats(version: str | None) -> Iterator[Finding]:
    if version is not None:
        yield Finding(
            area=Area.VERSIONS,
            name="jetson-stats",
            status=Status.OK,
            what=f"jetson-stats {version}; only ever used in a process of its own",
            facts={"jetson-stats": version},
        )


def _contract() -> Iterator[Finding]:
    from joulecut_proto.contract import CONTRACT_VERSION  # noqa: PLC0415 - so that a broken part is a finding

    try:
        from joulecut_proto.v1 import agent_pb2  # noqa: PLC0415 - protobuf is part of an extra
    except ModuleNotFoundError:
        return
    # Generated code refuses an older protobuf with an exception of protobuf's own.
    except Exception as error:  # noqa: BLE001
        yield Finding(
            area=Area.VERSIONS,
            name="contract",
            status=Status.PROBLEM,
            what=f"the generated messages do not load with this protobuf: {' '.join(str(error).split())}",
            remedy="`pip install --upgrade 'joulecut[agents]'`",
            facts={"contract": CONTRACT_VERSION},
        )
        return
    yield Finding(
        area=Area.VERSIONS,
        name="contract",
        status=Status.OK,
        what=f"contract version {CONTRACT_VERSION} between agents",
        facts={"contract": CONTRACT_VERSION, "package": agent_pb2.DESCRIPTOR.package},
    )
