"""Programs of others that pages start and no test runs: what they are given is there, and taken as far as can be."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml

from tests.architecture.test_packages import PROJECT
from tests.architecture.tree import ROOT, documents, name, text
from tests.docs.pages.blocks import Fate, all_blocks, blocks
from tests.docs.pages.command_lines import CommandLine, command_lines, complaint, starts_of_joulecut

_LOOKED_AT = {"docker", "install", "journalctl", "kubectl", "pip", "systemctl"}
"""By the tests below."""
_AS_THEY_ARE = MappingProxyType(
    {
        ".": "the shell's own",
        "docs": "scripts/check runs it",
        "envoy": "the files exist; scripts/deployment lets Envoy validate them",
        "export": "the shell's own",
        "make": "it runs all tests",
        "openssl": "asks for a password",
        "python": "modules and scripts are looked at among the commands of this repository",
        "python3": "makes an environment, or asks torch one question",
        "ray": "writes a token for the user",
        "systemd-sysusers": "has no arguments",
    }
)
_EXTRA = re.compile(r"(?:joulecut|'\.)\[([\w,-]+)\]")
_KUBERNETES = ROOT / "deploy" / "kubernetes"


def _not_run() -> list[CommandLine]:
    """Commands of the shell blocks that are marked as not run, `sudo` taken off."""
    shells = (block for block in all_blocks() if block.language == "sh" and block.fate is Fate.NOT_RUN)
    found = []
    for line in (line for block in shells for line in command_lines(block)):
        if line.program == "sudo":
            found.append(CommandLine(line.block, line.words[0].rpartition("/")[2], line.words[1:]))
        else:
            found.append(line)
    return found


def _lines(program: str) -> list[CommandLine]:
    lines = [line for line in _not_run() if line.program == program]
    assert lines, f"no page starts {program} any more: take it out here"
    return lines


def _after(words: tuple[str, ...], option: str) -> str:
    return words[words.index(option) + 1]


def test_nothing_goes_unlooked_at() -> None:
    """A program that comes into the documents is run, looked at here, or has its reason."""
    own = {line.program for line in starts_of_joulecut()}
    assert {line.program for line in _not_run()} - own == _LOOKED_AT | _AS_THEY_ARE.keys()


def test_pip_takes_its_words() -> None:
    """By pip's own parser; nothing is asked for or installed."""
    commands = pytest.importorskip("pip._internal.commands", reason="needs pip")
    for line in _lines("pip"):
        command, *rest = line.words
        _, named = commands.create_command(command).parse_args(rest)
        assert len(named) == 1, line


@pytest.mark.parametrize("path", documents(), ids=name)
def test_extras_are_the_project_s(path: Path) -> None:
    """`joulecut[agents,torch]`: pip would only warn of one that is not there."""
    known = PROJECT["project"]["optional-dependencies"].keys()
    assert {extra for extras in _EXTRA.findall(text(path)) for extra in extras.split(",")} <= known


@pytest.mark.parametrize("page", sorted({name(line.block.path) for line in _lines("install")}))
def test_files_can_be_installed(page: str, tmp_path: Path) -> None:
    """In the page's order below a root of the test's own: sources are there, and folders before what goes into them."""
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    for agent in ("edge-camera-1", "proxy-front"):
        (tmp_path / agent).mkdir()
        for file in ("authority.pem", "certificate.pem", "key.pem"):
            (tmp_path / agent / file).touch()
    for found in ("systemd/system", "sysusers.d"):
        (tmp_path / "etc" / found).mkdir(parents=True)
    users = set()
    for block in blocks(ROOT / page):
        for written in re.findall(r"^install .*$", block.body, flags=re.MULTILINE) if block.language == "sh" else ():
            users |= set(re.findall(r"-[og] (\S+)", written))
            command = re.sub(r" -[og] \S+", "", written).replace(" /etc/", f" {tmp_path}/etc/")
            done = subprocess.run(
                ["/bin/sh", "-euc", command], cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{block.place}: {done.stderr}"
    made = re.findall(r"^[ug] (\S+)", text(ROOT / "deploy" / "systemd" / "joulecut.sysusers"), flags=re.MULTILINE)
    assert users <= {"root", *made}


def test_units_are_those_that_are_shipped() -> None:
    """A renamed unit would be enabled, or looked for in the journal, in vain."""
    shipped = {path.name for path in (ROOT / "deploy" / "systemd").iterdir()}
    for line in (*_lines("systemctl"), *_lines("journalctl")):
        unit = _after(line.words, "--now" if line.program == "systemctl" else "-u")
        assert (unit if "." in unit else f"{unit}.service") in shipped, line


def test_containers_run_what_joulecut_takes() -> None:
    """The service of a compose file, the entry point of an image, and the words for the program inside."""
    for line in _lines("docker"):
        words = line.words
        if words[0] == "compose":
            services = yaml.safe_load(text(ROOT / _after(words, "-f")))["services"]
            if "exec" in words:
                service, program, *rest = words[words.index("exec") + 1 :]
                assert service in services, line
                assert not complaint(program, rest), line
        elif words[0] == "run":
            (image,) = (number for number, word in enumerate(words) if word.startswith("joulecut-"))
            (built,) = (
                each.words for each in _lines("docker") if each.words[0] == "build" and words[image] in each.words
            )
            (entry,) = re.findall(r'^ENTRYPOINT \["([^"]+)"\]', text(ROOT / _after(built, "-f")), flags=re.MULTILINE)
            assert not complaint(entry.rpartition("/")[2], words[image + 1 :]), line


def test_secrets_are_those_that_manifests_mount() -> None:
    """Their names, the files' names inside, and the folders of `joulecut pki issue ROLE NAME` that they come from."""
    issued = {
        "-".join(line.words[2:4]) for line in starts_of_joulecut() if line.words[:2] == ("pki", "issue") and line.words
    }
    manifests = "".join(path.read_text(encoding="utf-8") for path in _KUBERNETES.rglob("*.yaml"))
    for line in _lines("kubectl"):
        if "secret" in line.words:
            assert f"secretName: {_after(line.words, 'generic')}\n" in manifests, line
            for key, source in re.findall(r"--from-file=(\S+?)=(\S+)", " ".join(line.words)):
                assert key in manifests, line
                assert source.partition("/")[0] in issued, line
        elif "-k" in line.words:
            assert (ROOT / _after(line.words, "-k") / "kustomization.yaml").is_file(), line
