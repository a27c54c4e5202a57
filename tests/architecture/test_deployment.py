"""What deploy/ ships can be used as it is: units verify, examples decode, container files name what exists."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml

from joulecut_core.exits import ExitCode
from joulecut_edge.config import EdgeConfig
from joulecut_proto.affinity import AFFINITY_KEY
from joulecut_proto.channels import OLDEST_CONNECTION_S
from joulecut_proto.health_watch import INFERENCE_SERVICE
from joulecut_runtime.clockd.allow_list import load_rules
from joulecut_runtime.clockd.book import SOCKET, STATE
from joulecut_server.config import ServerConfig
from joulecut_server.limits import Limits
from tests.architecture.tree import ROOT, name
from tests.loaded_config import load_config
from tests.warm.programs import WarmPrograms

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
CLOCKD = DEPLOY / "systemd" / "joulecut-clockd.service"
RENEWAL = DEPLOY / "systemd" / "joulecut-pki-renew.service"
TIMER = RENEWAL.with_suffix(".timer")
AGENTS = [unit for unit in UNITS if unit not in (CLOCKD, RENEWAL)]
IMAGES = sorted((DEPLOY / "containers").glob("*Dockerfile"))
KUBERNETES = DEPLOY / "kubernetes"
USER = 10001
"""Of images and pods."""
RESTORE_S = 15.0
"""What an agent has, after its drain, to put clocks back."""
EXAMPLES: list[tuple[str, type[Any]]] = [("edge.toml", EdgeConfig), ("server.toml", ServerConfig)]


@pytest.mark.parametrize(("example", "config"), EXAMPLES)
def test_examples_decode(example: str, config: type[Any]) -> None:
    """The example is what the agent takes."""
    load_config(config, DEPLOY / "config" / example, {})


@pytest.mark.parametrize(("example", "config"), EXAMPLES)
def test_examples_with_commented_keys_decode(example: str, config: type[Any], tmp_path: Path) -> None:
    """Taking the comment mark off a key gives no unknown key either."""
    text = (DEPLOY / "config" / example).read_text(encoding="utf-8")
    (tmp_path / example).write_text(re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE), encoding="utf-8")
    load_config(config, tmp_path / example, {})


@pytest.mark.parametrize(("example", "config"), EXAMPLES)
def test_examples_show_every_common_key(example: str, config: type[Any]) -> None:
    """Whoever reads the example has seen what can be set; what is left out is for developers."""
    text = (DEPLOY / "config" / example).read_text(encoding="utf-8")
    left_out = {"ready_file", "shipped_profiles", "threads"}
    shown = set(re.findall(r"^(?:# )?\[?(\w+)(?:\]$| = )", text, flags=re.MULTILINE))
    assert {field.name for field in dataclasses.fields(config)} - left_out <= shown


def test_the_servers_unit_allows_as_many_connections_as_its_limits() -> None:
    """systemd's soft limit of 1024 files would refuse edges long before `[limits] streams` does."""
    unit = (DEPLOY / "systemd" / "joulecut-server.service").read_text(encoding="utf-8")
    [allowed] = re.findall(r"^LimitNOFILE=(\d+)$", unit, flags=re.MULTILINE)
    assert int(allowed) >= 2 * Limits().streams


@pytest.mark.parametrize("unit", AGENTS, ids=name)
def test_units_run_without_privileges_and_know_the_exit_codes(unit: Path) -> None:
    """No root, no capabilities; bad input is not started again, all else for ever: a server may be an hour late."""
    settings = set(unit.read_text(encoding="utf-8").splitlines())
    assert {"User=joulecut", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict"} <= settings
    assert {f"RestartPreventExitStatus={int(ExitCode.BAD_INPUT)}", "StartLimitIntervalSec=0"} <= settings


def test_a_server_that_is_reloaded_too_soon_comes_back() -> None:
    """Before its first line of code SIGHUP ends it, which systemd counts as a wish."""
    settings = (DEPLOY / "systemd" / "joulecut-server.service").read_text(encoding="utf-8").splitlines()
    assert {"ExecReload=/bin/kill -HUP $MAINPID", "RestartForceExitStatus=SIGHUP"} <= set(settings)


def test_clockd_has_no_more_privilege_than_clocks_need() -> None:
    """Root, but with one capability, no network and no writable files but the kernel's and its own folder."""
    settings = CLOCKD.read_text(encoding="utf-8").splitlines()
    assert {"NoNewPrivileges=yes", "CapabilityBoundingSet=CAP_SYS_ADMIN", "ProtectSystem=strict"} <= set(settings)
    assert {"PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX", "ProtectHome=yes"} <= set(settings)
    assert f"RestartPreventExitStatus={int(ExitCode.BAD_INPUT)}" in settings


def test_clockd_restores_after_any_end() -> None:
    """Whatever ends the daemon, the next command puts clocks back from journals that outlived it."""
    settings = CLOCKD.read_text(encoding="utf-8").splitlines()
    [start] = [line.removeprefix("ExecStart=") for line in settings if line.startswith("ExecStart=")]
    assert f"ExecStopPost={start} --restore" in settings
    assert "RuntimeDirectoryPreserve=yes" in settings
    [folder] = [line.removeprefix("RuntimeDirectory=") for line in settings if line.startswith("RuntimeDirectory=")]
    assert STATE.parent == SOCKET.parent == Path("run") / folder


def test_the_authoritys_key_is_beyond_the_agents() -> None:
    """Renewal runs as a user of its own that sysusers makes, without network or privilege, and its timer starts it."""
    settings = RENEWAL.read_text(encoding="utf-8").splitlines()
    assert {"User=joulecut-pki", "StateDirectoryMode=0700", "PrivateNetwork=yes", "CapabilityBoundingSet="} <= set(
        settings
    )
    users = (DEPLOY / "systemd" / "joulecut.sysusers").read_text(encoding="utf-8")
    assert re.search(r"^u joulecut-pki ", users, flags=re.MULTILINE)
    assert not re.search(r"^m .*joulecut-pki", users, flags=re.MULTILINE)
    assert "WantedBy=timers.target" in TIMER.read_text(encoding="utf-8")


def test_clockd_rules_load(tmp_path: Path) -> None:
    """The example is what the daemon takes, also with every comment mark taken off a key."""
    example = (DEPLOY / "config" / "clockd.ini").read_text(encoding="utf-8").replace("users = joulecut", "users = 0")
    for text in (example, re.sub(r"^# (\w+ = )\w+", r"\g<1>0", example, flags=re.MULTILINE)):
        rules = tmp_path / "clockd.ini"
        rules.write_text(text, encoding="utf-8")
        rules.chmod(0o644)
        assert len(load_rules(rules, needed=True)) == 2


def test_the_sockets_folder_is_the_units() -> None:
    """The default address of the edge-agent lies in the folder that its unit makes."""
    unit = (DEPLOY / "systemd" / "joulecut-edge.service").read_text(encoding="utf-8")
    listen = EdgeConfig(device="emulated:tx2", bundle="b").listen
    assert listen.startswith("unix:/run/joulecut/")
    assert "RuntimeDirectory=joulecut\n" in unit


@pytest.mark.parametrize("image", IMAGES, ids=name)
def test_images_copy_what_exists(image: Path) -> None:
    """Every source of the image is in the repository, and every package is in the image."""
    text = image.read_text(encoding="utf-8")
    sources = [word for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE) for word in line.split()]
    assert not [source for source in sources if not (ROOT / source).exists()]
    assert {"core", "planner", "proto", "runtime", "edge", "server", "api"} <= set(sources)


@pytest.mark.parametrize("image", IMAGES, ids=name)
def test_images_start_and_ask_what_exists(image: Path) -> None:
    """Programs and modules of entry points and health checks are the project's: no build would miss one."""
    text = image.read_text(encoding="utf-8")
    programs = re.findall(r'^ENTRYPOINT \["([^"]+)"\]$', text, re.MULTILINE)
    assert programs
    assert set(programs) <= {script.name for script in entry_points(group="console_scripts")}
    for module in re.findall(r'"-m", "([^"]+)"', text):
        assert importlib.util.find_spec(module) is not None, module


@pytest.mark.parametrize("image", [image for image in IMAGES if "edge-agent" in image.read_text("utf-8")], ids=name)
def test_an_edge_is_well_where_somebody_listens(image: Path, tmp_path: Path) -> None:
    """A container that is started again after a kill still has the socket of the life before."""
    text = image.read_text(encoding="utf-8")
    [asked] = [json.loads(found) for found in re.findall(r"CMD (\[.*\])$", text, re.MULTILINE) if "edge.sock" in found]
    command = [word.replace("/run/joulecut", str(tmp_path)) for word in [sys.executable, *asked[1:]]]
    assert asked[0] == "python3"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "edge.sock"))
        listener.listen()
        assert subprocess.run(command, check=False, timeout=60).returncode == 0
    assert (tmp_path / "edge.sock").is_socket()
    assert subprocess.run(command, check=False, timeout=60, capture_output=True).returncode != 0


@pytest.mark.parametrize(("example", "config"), EXAMPLES)
def test_composed_configurations_decode_and_have_their_files(example: str, config: type[Any]) -> None:
    """The composed agents talk over TLS, with files in volumes of their own that the composition mounts."""
    loaded = load_config(config, DEPLOY / "containers" / example, {})
    assert loaded.tls is not None
    composition = (DEPLOY / "containers" / "compose.yaml").read_text(encoding="utf-8")
    own = example.removesuffix(".toml")
    assert f"./{example}:/etc/joulecut/{example}:ro" in composition
    assert f"tls-{own}:{Path(loaded.tls.key).parent}:ro" in composition


def test_composed_certificates_are_made_and_renewed(tmp_path: Path, warm: WarmPrograms) -> None:
    """The script makes what both agents need in folders that are there already, and runs again at every start."""
    for folder in ("pki", "tls-server", "tls-edge"):
        (tmp_path / folder).mkdir()
    path = f"{warm.path}{os.pathsep}{os.environ['PATH']}"
    for _ in range(2):
        subprocess.run(
            ["/bin/sh", DEPLOY / "containers" / "certificates.sh"],
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
            check=True,
            timeout=120,
            capture_output=True,
        )
    for folder in ("tls-server", "tls-edge"):
        assert {path.name for path in (tmp_path / folder).iterdir()} == {"authority.pem", "certificate.pem", "key.pem"}


def test_images_install_the_torch_that_make_installs() -> None:
    """One pin in three places stays one pin; a Jetson's image keeps the vendor's torch, or fails."""
    files = (ROOT / "Makefile", DEPLOY / "containers" / "Dockerfile", DEPLOY / "containers" / "cuda.Dockerfile")
    pins = [re.findall(r"torch==[\d.]+", file.read_text(encoding="utf-8")) for file in files]
    assert pins[0]
    assert pins[0] == pins[1] == pins[2]
    jetson = (DEPLOY / "containers" / "jetson.Dockerfile").read_text(encoding="utf-8")
    assert "--constraint /tmp/torch.txt" in jetson
    assert not re.search(r"\[[^]]*\b(torch|demo)\b[^]]*\]\"", jetson)


@pytest.mark.parametrize("image", IMAGES, ids=name)
def test_images_run_as_the_user_that_clusters_name(image: Path) -> None:
    """One number in images, manifests and the daemon's rules: others could not read keys, or set clocks."""
    text = image.read_text(encoding="utf-8")
    assert f"--uid {USER}" in text
    assert [line for line in text.splitlines() if line.startswith("USER ")] == [f"USER {USER}:{USER}"]


@pytest.mark.parametrize(
    ("file", "config"),
    [
        ("emulated/server.toml", ServerConfig),
        ("nvidia/server.toml", ServerConfig),
        ("emulated/edge.toml", EdgeConfig),
    ],
)
def test_configurations_of_clusters_fit_their_pods(file: str, config: type[Any]) -> None:
    """They decode; what they name is mounted, and they listen where pods and services say."""
    path = KUBERNETES / "overlays" / file
    loaded = load_config(config, path, {})
    is_server = config is ServerConfig
    pod = _pod(KUBERNETES / "base" / "server.yaml" if is_server else path.with_name("edge.yaml"))
    [container] = pod["containers"]
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert loaded.tls is not None
    bundles = loaded.bundles if is_server else (loaded.bundle,)
    named = [loaded.tls.authority, loaded.tls.certificate, loaded.tls.key, loaded.profiles, *bundles]
    assert not [each for each in named if not any(each.startswith(f"{place}/") for place in mounted)]
    if is_server:
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        listening = {"grpc": loaded.listen, "health": loaded.health_listen, "metrics": loaded.metrics.listen}
        assert {what: f"0.0.0.0:{port}" for what, port in ports.items()} == listening
        probed = {container[probe]["grpc"]["port"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
        assert probed == {ports["health"]}
        assert loaded.state.startswith("/var/lib/joulecut/kept/")
        grace_s = pod["terminationGracePeriodSeconds"] - container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert grace_s >= loaded.drain_s + RESTORE_S


def test_pods_run_without_privileges() -> None:
    """All but the clock daemon: no root, no capability, no writable image, no token, no variables of services."""
    for path in (KUBERNETES / "base" / "server.yaml", KUBERNETES / "overlays" / "emulated" / "edge.yaml"):
        pod = _pod(path)
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] == USER
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        for container in (*pod["initContainers"], *pod["containers"]):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]


def test_the_clusters_clock_daemon_is_that_of_systemd(tmp_path: Path) -> None:
    """Its rules load and name the images' user; its socket is where agents look; one capability, no network."""
    folder = KUBERNETES / "overlays" / "nvidia"
    rules = tmp_path / "clockd.ini"
    shutil.copy(folder / "clockd.ini", rules)
    rules.chmod(0o644)
    load_rules(rules, needed=True)
    assert f"users = {USER}\n" in rules.read_text(encoding="utf-8")
    daemon, policy = yaml.safe_load_all((folder / "clockd.yaml").read_text(encoding="utf-8"))
    pod = daemon["spec"]["template"]["spec"]
    for container in (*pod["initContainers"], *pod["containers"]):
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["SYS_ADMIN"]}
        assert str(Path("/") / SOCKET.parent) in {mount["mountPath"] for mount in container["volumeMounts"]}
    assert load_config(ServerConfig, folder / "server.toml", {}).hardware.clockd_socket == str(Path("/") / SOCKET)
    assert set(policy["spec"]) == {"podSelector", "policyTypes"}


def test_clusters_scale_by_a_metric_that_exists() -> None:
    """An autoscaler whose metric nobody has does nothing, and says so where nobody looks."""
    [metric] = yaml.safe_load((KUBERNETES / "base" / "autoscaler.yaml").read_text(encoding="utf-8"))["spec"]["metrics"]
    source = (ROOT / "server" / "joulecut_server" / "reporting" / "metrics.py").read_text(encoding="utf-8")
    assert f'"{metric["pods"]["metric"]["name"]}"' in source


def test_the_proxy_speaks_of_what_agents_do() -> None:
    """Names and limits that Envoy's configuration repeats are the agents' own."""
    text = (DEPLOY / "envoy" / "envoy.yaml").read_text(encoding="utf-8")
    assert f"name: {AFFINITY_KEY}\n" in text
    assert f"service_name: {INFERENCE_SERVICE}" in text
    assert f"/{INFERENCE_SERVICE}/Stream" in text
    idle_s = {int(found) for found in re.findall(r"(?<!stream_)idle_timeout: (\d+)s", text)}
    assert min(idle_s) > EdgeConfig(device="emulated:tx2", bundle="b").renew_s
    [upstream_s] = re.findall(r"max_connection_duration: (\d+)s\n +explicit", text)
    assert int(upstream_s) + EdgeConfig(device="emulated:tx2", bundle="b").renew_s < 0.9 * OLDEST_CONNECTION_S


def _pod(path: Path) -> dict[str, Any]:
    manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    pod: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return pod
