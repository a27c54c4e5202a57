"""What users get wrong most: one line with the value and what was expected, the documented status, no traceback."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer

from joulecut import cli
from joulecut_core.exits import ExitCode
from joulecut_core.programs import run_program
from joulecut_edge import cli as edge_cli
from joulecut_server import cli as server_cli
from tests.planner.small_document import small_document

PROGRAMS: dict[str, typer.Typer] = {"joulecut": cli.app, "edge-agent": edge_cli.app, "server-agent": server_cli.app}
NETWORK = "tests.networks.small_modules:skips"
INPUTS = "--input 1x3x8x8 --input f32:1x5"
BAD, DEVICE, FAR = ExitCode.BAD_INPUT, ExitCode.DEVICE, ExitCode.UNREACHABLE


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with an empty folder, a damaged file of each kind, and one problem that is right."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.toml").write_text("device = [")
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "problem.json").write_text(json.dumps(small_document()))


@pytest.fixture(name="ended")
def _ended(capsys: pytest.CaptureFixture[str]) -> Callable[[str], tuple[int, str, str]]:
    def ended(line: str) -> tuple[int, str, str]:
        """Status, standard output, standard error of a command line."""
        program, *arguments = line.split()
        with pytest.raises(SystemExit) as end:
            raise SystemExit(run_program(lambda: PROGRAMS[program](arguments)))
        output = capsys.readouterr()
        return int(end.value.code or 0), output.out, output.err

    return ended


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        # A file that is missing, damaged, empty, or a folder.
        ("joulecut explain nothing.json", BAD, ["nothing.json: no such file"]),
        ("joulecut pareto empty", BAD, ["empty: is a folder; expected a file"]),
        ("joulecut plan bad.json", BAD, ["bad.json: not JSON", "line 1 column 2"]),
        ("joulecut fit empty.csv --predict empty.csv --out o.csv", BAD, ["empty.csv: empty; expected a header line"]),
        ("joulecut simulate --trace nothing.csv --tables bad.json", BAD, ["nothing.csv: no such file"]),
        ("joulecut simulate --trace poisson --tables bad.json", BAD, ["bad.json: service table: not JSON"]),
        ("joulecut pki show nothing.pem", BAD, ["certificate nothing.pem", "give a readable file"]),
        # A folder that is no bundle, no network, no authority.
        ("joulecut cuts empty", BAD, ["empty: manifest.json is missing", "expected a bundle of joulecut pack"]),
        ("joulecut profile empty --device cpu --side edge", BAD, ["empty: manifest.json is missing", "joulecut pack"]),
        ("joulecut cuts lite", BAD, ["lite: no such folder; expected a bundle", "package.module:factory"]),
        ("joulecut pki renew empty", BAD, ["no authority here; run `joulecut pki init`, or give --folder"]),
        # A name that is none.
        ("joulecut device watch emulated:t5", DEVICE, ["'emulated:t5' is unknown; expected one of", "emulated:t4"]),
        (f"joulecut study {NETWORK} --device emulated:t5 --out o {INPUTS}", DEVICE, ["'emulated:t5'", "emulated:t4"]),
        pytest.param(
            "joulecut study resnet5 --device emulated:t4 --out o",
            BAD,
            ["'resnet5'; did you mean resnet50"],
            marks=pytest.mark.skipif(find_spec("torchvision") is None, reason="torchvision knows the names"),
        ),
        (
            "joulecut simulate --trace poisson --tables bad.json --policy eal",
            BAD,
            ["no policy 'eal'; expected", "eali"],
        ),
        (f"joulecut cuts tests.networks.small_modules:skip {INPUTS}", BAD, ["has no network 'skip'; expected"]),
        # A wrong --input, clock, range, address.
        (f"joulecut cuts {NETWORK} --input 3y3", BAD, ["input '3y3'; expected dtype:AxBxC", "u8:1x3x224x224"]),
        (f"joulecut cuts {NETWORK}", BAD, ["no --input; give one per tensor", "u8:1x3x224x224"]),
        ("joulecut device lock emulated:t4 fast", BAD, ["clock 'fast'; expected CORE or CORE/MEMORY in MHz"]),
        ("joulecut device lock emulated:t4 100", DEVICE, ["100/5001 MHz is not on the clock table", "nearest is 300"]),
        ("joulecut plan problem.json --policy-table 5", BAD, ["'5'; expected LOW:HIGH in Mbit/s, such as 1:100"]),
        ("server-agent --device emulated:t4 --bundle empty --listen 8080", BAD, ["'8080': expected host:port"]),
        # No permission.
        (f"joulecut pack {NETWORK} {INPUTS} --out /proc/no/b", BAD, ["--out /proc/no/b: cannot be"]),
        (f"joulecut study {NETWORK} --device emulated:t4 {INPUTS} --out /proc/no/o", BAD, ["/proc/no/o", "choose"]),
        ("joulecut simulate --trace poisson --tables bad.json --out /proc/no/o", BAD, ["/proc/no/o", "choose another"]),
        ("joulecut reproduce han2025 --out /proc/no/o", BAD, ["--out /proc/no/o", "choose another folder"]),
        ("joulecut profile empty --device cpu --side edge --out /proc/no/p.json", BAD, ["--out /proc/no", "choose"]),
        ("joulecut pki init --site lab --folder /proc/no/pki", BAD, ["/proc/no/pki", "choose another folder"]),
        # Nobody there.
        (
            "joulecut plan problem.json --server 127.0.0.1:1",
            FAR,
            ["server-agent 127.0.0.1:1 cannot be reached", "check"],
        ),
        ("joulecut pareto problem.json --server 127.0.0.1:1", FAR, ["127.0.0.1:1 cannot be reached", "check that"]),
        # Options that do not go together.
        ("joulecut simulate --trace poisson --tables bad.json --resume", BAD, ["--resume: without --out; expected"]),
        ("joulecut sign empty", BAD, ["--key: missing; expected the private key to sign with, or --verify"]),
        # Configuration.
        ("edge-agent --config nothing.toml", BAD, ["nothing.toml: no such file"]),
        ("edge-agent --config bad.toml", BAD, ["bad.toml: not TOML"]),
        ("server-agent --config bad.toml --print-config", BAD, ["bad.toml: not TOML"]),
        ("server-agent --bundle b", BAD, ["device: missing; expected a string", "JOULECUT_SERVER_DEVICE"]),
    ],
)
def test_one_line(ended: Callable[[str], tuple[int, str, str]], line: str, code: ExitCode, words: list[str]) -> None:
    """The status of its kind; what is wrong, the value, what was expected or what to do; nothing on standard output."""
    status, out, err = ended(line)
    (complaint,) = (each for each in err.splitlines() if each.startswith("error: "))
    assert status == code, complaint
    for word in words:
        assert word in complaint
    assert out == ""
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("line", "missing", "extra"),
    [
        ("joulecut plan problem.json --server 127.0.0.1:1", "joulecut.connections.remote_planning", "joulecut[agents]"),
        (f"joulecut cuts {NETWORK} {INPUTS} --svg cuts.svg", "matplotlib", "joulecut[report]"),
    ],
)
def test_an_extra_that_is_not_installed(
    ended: Callable[[str], tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, line: str, missing: str, extra: str
) -> None:
    """The line says what to install."""
    monkeypatch.setitem(sys.modules, missing, None)
    if parent := sys.modules.get(missing.rpartition(".")[0]):
        monkeypatch.delattr(parent, missing.rpartition(".")[2], raising=False)
    status, _, err = ended(line)
    assert status == ExitCode.BAD_INPUT
    assert f"pip install '{extra}'" in err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("joulecut reproduce han2024", ["'han2024'", "han2025"]),
        ("joulecut profile b --device cpu --side edg", ["'edg'", "edge"]),
        ("joulecut explane problem.json", ["explain"]),
        ("joulecut plan --jsn", ["--jsn", "--json"]),
    ],
)
def test_wrong_use(ended: Callable[[str], tuple[int, str, str]], line: str, words: list[str]) -> None:
    """What the parser refuses comes with the usage, the value and what there is."""
    status, out, err = ended(line)
    assert (status, out) == (ExitCode.BAD_INPUT, "")
    assert "Usage: " in err
    for word in words:
        assert word in err
