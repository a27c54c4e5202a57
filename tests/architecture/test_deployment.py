"""What deploy/ ships can be used as it is: units verify, examples decode, container files name what exists."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from joulecut_core.configuration import load_config
from joulecut_core.exits import ExitCode
from joulecut_edge.config import EdgeConfig
from joulecut_runtime.clockd.allow_list import load_rules
from joulecut_runtime.clockd.book import STATE
from joulecut_runtime.clockd.service import SOCKET
from joulecut_server.config import ServerConfig
from joulecut_server.limits import Limits
from tests.architecture.tree import ROOT, name

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
CLOCKD = DEPLOY / "systemd" / "joulecut-clockd.service"
RENEWAL = DEPLOY / "systemd" / "joulecut-pki-renew.service"
TIMER = RENEWAL.with_suffix(".timer")
AGENTS = [unit for unit in UNITS if unit not in (CLOCKD, RENEWAL)]
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


@pytest.mark.parametrize("unit", [*UNITS, TIMER], ids=name)
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_units_verify(unit: Path, tmp_path: Path) -> None:
    """systemd finds no fault with the unit; the program it starts is replaced, since it is not installed here."""
    text = unit.read_text(encoding="utf-8")
    copy = tmp_path / unit.name
    if unit == TIMER:
        shutil.copy(RENEWAL, tmp_path)
    copy.write_text(re.sub(r"^(Exec\w+)=\S+", r"\1=/bin/true", text, flags=re.MULTILINE), encoding="utf-8")
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=False, timeout=60
    )
    complaints = [line for line in result.stderr.splitlines() if unit.name in line]
    assert not complaints
    assert result.returncode == 0 or not complaints, result.stderr


@pytest.mark.parametrize("unit", AGENTS, ids=name)
def test_units_run_without_privileges_and_know_the_exit_codes(unit: Path) -> None:
    """No root, no capabilities; bad input is not started again and again."""
    settings = set(unit.read_text(encoding="utf-8").splitlines())
    assert {"User=joulecut", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict"} <= settings
    assert f"RestartPreventExitStatus={int(ExitCode.BAD_INPUT)}" in settings


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


def test_image_copies_what_exists() -> None:
    """Every source of the image is in the repository, and every package is in the image."""
    text = (DEPLOY / "containers" / "Dockerfile").read_text(encoding="utf-8")
    sources = [word for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE) for word in line.split()]
    assert not [source for source in sources if not (ROOT / source).exists()]
    assert {"core", "planner", "proto", "runtime", "edge", "server", "api"} <= set(sources)


@pytest.mark.parametrize(("example", "config"), EXAMPLES)
def test_composed_configurations_decode_and_have_their_files(example: str, config: type[Any]) -> None:
    """The composed agents talk over TLS, with files in volumes of their own that the composition mounts."""
    loaded = load_config(config, DEPLOY / "containers" / example, {})
    assert loaded.tls is not None
    composition = (DEPLOY / "containers" / "compose.yaml").read_text(encoding="utf-8")
    own = example.removesuffix(".toml")
    assert f"./{example}:/etc/joulecut/{example}:ro" in composition
    assert f"tls-{own}:{Path(loaded.tls.key).parent}:ro" in composition


def test_composed_certificates_are_made_and_renewed(tmp_path: Path) -> None:
    """The script makes what both agents need in folders that are there already, and runs again at every start."""
    for folder in ("pki", "tls-server", "tls-edge"):
        (tmp_path / folder).mkdir()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
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


def test_image_installs_the_torch_that_make_installs() -> None:
    """One pin in two places stays one pin."""
    pins = [
        re.search(r"torch==[\d.]+", (ROOT / file).read_text(encoding="utf-8"))
        for file in ("Makefile", "deploy/containers/Dockerfile")
    ]
    assert pins[0] is not None
    assert pins[1] is not None
    assert pins[0][0] == pins[1][0]
