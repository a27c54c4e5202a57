"""Documents that people and other programs write: JSON, TOML, CSV and INI."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from joulecut.profiling.measurements import read_measurements
from joulecut.simulation.link_files import read_link
from joulecut.simulation.trace_files import read_trace
from joulecut_core.block_measurements import load_blocks, save_blocks
from joulecut_core.errors import ConfigError, FitError, ProblemError, ProfileError
from joulecut_core.profiles import Profile, load_profile, save_profile
from joulecut_core.wires import WireTable, load_wires, save_wires
from joulecut_edge.config import EdgeConfig
from joulecut_planner.batching.batching_file import batching_document, load_batching
from joulecut_planner.fleet_file import fleet_document, load_fleet
from joulecut_planner.problem_file import load_problem, problem_document
from joulecut_planner.serving.service_file import load_service_table, service_document
from joulecut_planner.uplinks.break_points import break_points
from joulecut_planner.uplinks.policy_table import parse_policy_table, policy_table_document
from joulecut_proto.convert_profiles import PROFILE
from joulecut_proto.messages import Converter
from joulecut_proto.v1 import profiles_pb2
from joulecut_runtime.clockd.allow_list import load_rules
from joulecut_runtime.devices.device_file import load_device_file
from joulecut_runtime.links.shape import load_trace
from joulecut_server.config import ServerConfig
from tests.core.test_block_measurements import MEASURED
from tests.fuzz.target import Target
from tests.fuzz.targets.drawn import Later, drawn
from tests.loaded_config import load_config
from tests.planner.batching.small_case import batching_problem, edge_problem
from tests.planner.fleet.drawn_fleets import drawn_fleet
from tests.planner.small_document import small_document
from tests.proto.drawn_values import values_of

T = TypeVar("T")

_ROOT = Path(__file__).resolve().parents[3]


def document_targets() -> list[Target[Any]]:
    """Every reader of a file that is no bundle."""
    return [*_json_targets(), *_toml_targets(), *_table_targets()]


def _json_targets() -> list[Target[Any]]:
    return [
        _filed(
            "problem",
            load_problem,
            [_dump(small_document()), _example("camera.json")],
            write=lambda value: _dump(problem_document(value)),
            error=ProblemError,
        ),
        _filed(
            "fleet",
            load_fleet,
            [_dump(fleet_document(drawn_fleet(3, 2, cuts=3, edge_points=2, server_points=2)))],
            write=lambda value: _dump(fleet_document(value)),
            error=ProblemError,
        ),
        _filed(
            "batching",
            load_batching,
            [_dump(batching_document(batching_problem([edge_problem()])))],
            write=lambda value: _dump(batching_document(value)),
            error=ProblemError,
        ),
        _filed(
            "service-table",
            load_service_table,
            [_example("service.json")],
            write=lambda value: _dump(service_document(value)),
            error=ProfileError,
        ),
        Target(
            name="policy-table",
            read=lambda data: parse_policy_table(data.decode("utf-8", "replace")),
            write=lambda value: _dump(policy_table_document(value)),
            seeds=[_dump(policy_table_document(break_points(_small_problem(), lowest_bps=1e5, highest_bps=1e8)))],
        ),
        _filed(
            "profile",
            load_profile,
            Later(lambda: _saved(_profiles(), save_profile)),
            write=_writer(save_profile),
            error=ProfileError,
        ),
        _filed(
            "wires",
            load_wires,
            Later(lambda: _saved(_wires(), save_wires)),
            write=_writer(save_wires),
            error=ProfileError,
        ),
        _filed("blocks", load_blocks, _saved([MEASURED], save_blocks), write=_writer(save_blocks), error=ProfileError),
    ]


def _toml_targets() -> list[Target[Any]]:
    deployed = _ROOT / "deploy" / "config"
    devices = resources.files("joulecut_runtime.devices") / "files"
    return [
        _filed(
            "edge-config",
            lambda path: load_config(EdgeConfig, path, {}),
            [(deployed / "edge.toml").read_bytes()],
            error=ConfigError,
        ),
        _filed(
            "server-config",
            lambda path: load_config(ServerConfig, path, {}),
            [(deployed / "server.toml").read_bytes()],
            error=ConfigError,
        ),
        _filed(
            "device-file",
            load_device_file,
            [(devices / "t4.toml").read_bytes()],
            error=ConfigError,
            rate=0.3,
        ),
    ]


def _table_targets() -> list[Target[Any]]:
    return [
        _filed("link-shape", load_trace, [b"time_s,bandwidth_bps\n0,1e6\n1.5,2e6\n3,0\n"], error=ConfigError),
        _filed("link-trace", read_link, [b"time_s,bandwidth_bps\n0,1e6\n1.5,2e6\n3,5\n"], error=ConfigError),
        _filed(
            "arrivals",
            read_trace,
            [b"time_s,network,edge,entry,priority\n0,net,a,0,1\n0.5,net,b,2,0\n", b"time_s\n0\n1\n2\n"],
            error=ConfigError,
        ),
        _filed(
            "measurements",
            read_measurements,
            [b"core_mhz,memory_mhz,latency_s,power_w\n100,50,0.5,3\n200,50,0.3,4\n", b"core_mhz,latency_s\n1,2\n"],
            error=FitError,
        ),
        _filed(
            "allow-list",
            lambda path: load_rules(path, needed=True),
            [
                b"[site]\nusers = root\nboards = nvml:*\ncore_mhz = 300-1980\nmemory_mhz = 405-5001\n",
                b"[robots]\nusers = 0 1\nboards = jetson:* cpu:*\ncore_mhz = 100-2000\nlongest_ttl_s = 30\n",
            ],
            error=ConfigError,
        ),
    ]


@cache
def _folder() -> Path:
    place = Path("/dev/shm") if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder of its own is made there
    folder = Path(tempfile.mkdtemp(prefix="joulecut-fuzz-", dir=place))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _filed(
    name: str,
    load: Callable[[Path], T],
    seeds: Sequence[bytes],
    *,
    error: type[Exception],
    write: Callable[[T], bytes] | None = None,
    rate: float = 1.0,
) -> Target[T]:
    """A reader of files."""
    path = _folder() / name

    def read(data: bytes) -> T:
        path.write_bytes(data)
        return load(path)

    return Target(name=name, read=read, seeds=seeds, write=write, refusals=(error,), rate=rate)


def _writer(save: Callable[[T, Path], None]) -> Callable[[T], bytes]:
    def write(value: T) -> bytes:
        path = _folder() / "written"
        save(value, path)
        return path.read_bytes()

    return write


def _saved(values: Sequence[T], save: Callable[[T, Path], None]) -> list[bytes]:
    return [_writer(save)(value) for value in values]


def _profiles() -> list[Profile]:
    return drawn(values_of(PROFILE), 4)


def _wires() -> list[WireTable]:
    return drawn(values_of(Converter(WireTable, profiles_pb2.WireTable)), 4)


def _small_problem() -> Any:
    path = _folder() / "small"
    path.write_bytes(_dump(small_document()))
    return load_problem(path)


def _example(name: str) -> bytes:
    return (_ROOT / "docs" / "examples" / name).read_bytes()


def _dump(document: object) -> bytes:
    return json.dumps(document).encode()
