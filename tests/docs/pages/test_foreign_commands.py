"""Programs of others on the pages: run below a folder or as a rehearsal where they are installed, else looked at."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml

from tests.architecture.test_packages import PROJECT
from tests.architecture.tree import ROOT, documents, name, text
from tests.docs.pages.blocks import Block, Fate, all_blocks, blocks
from tests.docs.pages.command_lines import CommandLine, command_lines, complaint, starts_of_joulecut

_LOOKED_AT = {".", "docker", "install", "journalctl", "kubectl", "pip", "python3", "systemctl", "systemd-sysusers"}
"""By the tests below."""
_ELSEWHERE = MappingProxyType(
    {
        "envoy": "tests/scripts/test_deployment.py validates the files, tests/integration/test_envoy.py starts it",
        "python": "modules and options are looked at among the commands of this repository",
    }
)
_INSTALLING = re.compile(r"^(?:install|systemctl|systemd-sysusers)(?: .*)?$", flags=re.MULTILINE)
_EXTRA = re.compile(r"(?:joulecut|'\.)\[([\w,-]+)\]")
_KUBERNETES = ROOT / "deploy" / "kubernetes"


def _of_others() -> list[CommandLine]:
    """Commands of the shell blocks that are marked as not run, or as run here, `sudo` taken off."""
    here = name(Path(__file__))
    shells = (block for block in all_blocks() if block.language == "sh")
    found = []
    for line in (line for block in shells if _is_ours(block, here) for line in command_lines(block)):
        if line.program == "sudo":
            found.append(CommandLine(line.block, line.words[0].rpartition("/")[2], line.words[1:]))
        else:
            found.append(line)
    return found


def _is_ours(block: Block, here: str) -> bool:
    return block.fate is Fate.NOT_RUN or (block.fate is Fate.ELSEWHERE and here in block.detail)


def _lines(program: str) -> list[CommandLine]:
    lines = [line for line in _of_others() if line.program == program]
    assert lines, f"no page starts {program} any more: take it out here"
    return lines


def _after(words: tuple[str, ...], option: str) -> str:
    return words[words.index(option) + 1]


def test_nothing_goes_unlooked_at() -> None:
    """A program that comes into the documents is run, looked at here, or has its reason."""
    own = {line.program for line in starts_of_joulecut()}
    assert {line.program for line in _of_others()} - own == _LOOKED_AT | _ELSEWHERE.keys()


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


def test_environments_can_be_made(tmp_path: Path) -> None:
    """`python3 -m venv` as the pages have it, without pip, which it would unpack each time."""
    for words in {line.words for line in _lines("python3") if line.words[0] == "-m"}:
        *options, folder = words[2:]
        assert words[1] == "venv", words
        assert folder == "/opt/joulecut"
        venv.main([*options, "--without-pip", str(tmp_path / "-".join(("made", *options)))])


def test_torch_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """The question of the walk-through, put to the torch that is here."""
    (line,) = (line for line in _lines("python3") if line.words[0] == "-c")
    exec(line.words[1], {})  # noqa: S102 - our own page, without the seconds of another interpreter
    assert re.fullmatch(r"\d+\.\d+\S* (True|False)\n", capsys.readouterr().out)


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="runs in no virtual environment")
def test_an_environment_can_be_entered() -> None:
    """What the quickstart puts in front of its commands; afterwards they are found."""
    (line,) = _lines(".")
    body = line.block.body.replace(".venv", sys.prefix)
    done = subprocess.run(
        ["/bin/sh", "-euc", f"{body}\ncommand -v joulecut"],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(Path(sys.prefix) / "bin" / "joulecut")


@pytest.mark.parametrize("page", sorted({name(line.block.path) for line in _lines("install")}))
def test_files_can_be_installed(page: str, tmp_path: Path) -> None:
    """In the page's order below a root of the test's own: sources are there, and folders before what goes into them.

    Where systemd is installed, its own programs make the users and enable the units there.
    """
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    for agent in ("edge-camera-1", "proxy-front"):
        (tmp_path / agent).mkdir()
        for file in ("authority.pem", "certificate.pem", "key.pem"):
            (tmp_path / agent / file).touch()
    for found in ("systemd/system", "sysusers.d"):
        (tmp_path / "etc" / found).mkdir(parents=True)
    users = set()
    for block in blocks(ROOT / page):
        for written in _INSTALLING.findall(block.body) if block.language == "sh" else ():
            users |= set(re.findall(r"-[og] (\S+)", written))
            command = _below(tmp_path, written)
            if shutil.which(command.split()[0]) is None:
                continue
            done = subprocess.run(
                ["/bin/sh", "-euc", command], cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{block.place}: {done.stderr}"
    made = re.findall(r"^[ug] (\S+)", text(ROOT / "deploy" / "systemd" / "joulecut.sysusers"), flags=re.MULTILINE)
    assert users <= {"root", *made}


def _below(root: Path, written: str) -> str:
    """The command for another root than the host's; whoever runs it owns the files, and nothing is started."""
    if written.startswith("install"):
        return re.sub(r" -[og] \S+", "", written).replace(" /etc/", f" {root}/etc/")
    program, *rest = written.replace(" --now", "").split()
    return " ".join((program, f"--root={root}", *rest))


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


def test_docker_knows_the_options() -> None:
    """As its own help has them; nothing is built or started."""
    if shutil.which("docker") is None:
        pytest.skip("docker is not installed")
    for line in _lines("docker"):
        if line.words[0] in {"build", "run"}:
            asked = ["docker", line.words[0], "--help"]
            said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
            (image,) = (number for number, word in enumerate(line.words) if word.startswith("joulecut-"))
            options = [word for word in line.words[:image] if word.startswith("-")]
            assert not [option for option in options if not re.search(rf"^ .*{option}\b", said, re.MULTILINE)], line


def test_kubectl_rehearses_what_it_creates(tmp_path: Path) -> None:
    """Secrets and namespaces are put together as on the page, and sent nowhere."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    for line in _lines("kubectl"):
        if "create" not in line.words:
            continue
        files = dict(re.findall(r"--from-file=(\S+?)=(\S+)", " ".join(line.words)))
        for file in files.values():
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).write_text("a file")
        asked = ["kubectl", *line.words, "--dry-run=client", "--output=json"]
        done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout).get("data", {}).keys() == files.keys()


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
