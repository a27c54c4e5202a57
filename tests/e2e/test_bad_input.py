"""Bad input to every program: one clear line with value and remedy, the documented exit status, no traceback."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from joulecut.demo.workplace import SHIPPED
from joulecut_core.exits import ExitCode
from tests.e2e.pair import SCENARIO, Packed
from tests.e2e.programs import Finished, run_program
from tests.planner.small_document import small_document

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("started_warm")]

Run = Callable[..., Finished]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a program in the test's folder."""

    def started(program: str, *arguments: object) -> Finished:
        return run_program(program, *arguments, folder=tmp_path)

    return started


@pytest.fixture
def edge_arguments(packed: Packed, tmp_path: Path) -> list[object]:
    """What an edge-agent needs to start."""
    return [
        "--device", SCENARIO.edge_device,
        "--bundle", packed.bundle,
        "--server", "127.0.0.1:1",
        "--listen", f"unix:{tmp_path / 'edge.sock'}",
        "--shipped-profiles", SHIPPED,
    ]  # fmt: skip


@pytest.fixture
def server_arguments(packed: Packed) -> list[object]:
    """What a server-agent needs to start."""
    return [
        "--device", SCENARIO.server_device,
        "--bundle", packed.bundle,
        "--no-advertise",
        "--shipped-profiles", SHIPPED,
    ]  # fmt: skip


def assert_one_line(finished: Finished, code: ExitCode, *words: str) -> None:
    """The program ended with `code` and one line that holds all of `words`."""
    assert finished.code == code, finished.err
    assert len(finished.complaints) == 1, finished.err
    for word in words:
        assert word in finished.complaints[0]
    assert finished.err.rstrip().splitlines()[-1] == finished.complaints[0]
    assert "Traceback" not in finished.err
    assert finished.out == ""


@pytest.mark.parametrize(
    ("program", "key", "meant"), [("edge-agent", "devise", "device"), ("server-agent", "slow_down", "slowdown")]
)
def test_an_unknown_key(tmp_path: Path, run: Run, program: str, key: str, meant: str) -> None:
    """File, key and the key that was probably meant."""
    (tmp_path / "agent.toml").write_text(f'{key} = "x"\n')
    ended = run(program, "--config", "agent.toml")
    assert_one_line(ended, ExitCode.BAD_INPUT, f"agent.toml: {key}: unknown key", f"did you mean '{meant}'?")


def test_a_missing_option(run: Run) -> None:
    """The agent names what it cannot start without."""
    assert_one_line(run("edge-agent"), ExitCode.BAD_INPUT, "device: missing; expected a string")


def test_an_edge_without_a_bundle(run: Run, edge_arguments: list[object]) -> None:
    """The folder, and both ways to fill it."""
    ended = run("edge-agent", *edge_arguments, "--bundle", "nowhere")
    assert_one_line(ended, ExitCode.BAD_INPUT, "nowhere", "joulecut pack", "digest")


def test_a_server_without_a_bundle(run: Run) -> None:
    """The folder, and what was expected there."""
    ended = run("server-agent", "--device", SCENARIO.server_device, "--bundle", "nowhere")
    assert_one_line(ended, ExitCode.BAD_INPUT, "nowhere: manifest.json is missing", "joulecut pack")


@pytest.mark.parametrize("program", ["edge-agent", "server-agent"])
def test_an_altered_bundle(
    request: pytest.FixtureRequest, tmp_path: Path, run: Run, packed: Packed, program: str
) -> None:
    """One changed byte of the weights is another digest: neither side runs it."""
    shutil.copytree(packed.bundle, tmp_path / "bundle")
    weights = tmp_path / "bundle" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    arguments = request.getfixturevalue(program.replace("-agent", "_arguments"))
    at = arguments.index(packed.bundle)
    ended = run(program, *arguments[:at], "bundle", *arguments[at + 1 :])
    digest = packed.network.table.digest
    assert_one_line(ended, ExitCode.BAD_INPUT, "bundle: its content has digest", f"expected '{digest[:40]}", "again")


@pytest.mark.parametrize("program", ["edge-agent", "server-agent"])
def test_a_port_in_use(request: pytest.FixtureRequest, run: Run, program: str) -> None:
    """The address, and what to do about it."""
    arguments = request.getfixturevalue(program.replace("-agent", "_arguments"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run(program, *arguments, "--listen", f"127.0.0.1:{port}")
    assert_one_line(ended, ExitCode.UNREACHABLE, f"127.0.0.1:{port}: in use", "choose another port")


@pytest.mark.parametrize(
    ("program", "device", "meant"),
    [
        ("edge-agent", "emulated:orin-nano-15", "'emulated:orin-nano-15w'"),
        ("server-agent", "t4", "'emulated:t4'"),
    ],
)
def test_an_unknown_device(request: pytest.FixtureRequest, run: Run, program: str, device: str, meant: str) -> None:
    """The name, and the names it is near to."""
    arguments = request.getfixturevalue(program.replace("-agent", "_arguments"))
    ended = run(program, *arguments, "--device", device)
    assert_one_line(ended, ExitCode.DEVICE, f"device {device!r} is unknown", "did you mean", meant)


def test_a_profile_with_nan(tmp_path: Path, run: Run, server_arguments: list[object]) -> None:
    """A damaged profile is named with its field, and never measured over in silence."""
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (shipped,) = SHIPPED.glob("*-server-*.json")
    document = json.loads(shipped.read_text())
    document["points"][0]["busy_w"] = float("nan")
    (profiles / shipped.name).write_text(json.dumps(document))
    ended = run("server-agent", *server_arguments, "--profiles", profiles)
    assert_one_line(ended, ExitCode.BAD_INPUT, shipped.name, "finite number")
    assert "nan" in ended.complaints[0].lower()


def test_missing_weights(tmp_path: Path, run: Run) -> None:
    """`joulecut pack` names the file and what it takes, and writes nothing."""
    factory = ("joulecut.networks:efficientnet_lite0", "--input", "u8:1x3x224x224")
    ended = run("joulecut", "pack", *factory, "--weights", "missing.safetensors", "--out", "packed")
    assert_one_line(ended, ExitCode.BAD_INPUT, "missing.safetensors: no such weights file", ".safetensors, .pth or .pt")
    assert not (tmp_path / "packed").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"max_accuracy_loss": float("nan")}, ("max_accuracy_loss", "nan", "expected")),
        ({"slo": {"latency_s": -1}}, ("slo.latency_s: -1", "expected a finite number above 0")),
        ({"edge": {"points": []}}, ("edge.points", "expected")),
        ({"linc": {}}, ("linc: unknown key", "did you mean 'link'?")),
    ],
)
def test_a_malformed_problem(tmp_path: Path, run: Run, change: dict[str, object], words: tuple[str, ...]) -> None:
    """`joulecut plan` names the field by its path, its value and what was expected."""
    (tmp_path / "problem.json").write_text(json.dumps(small_document() | change))
    assert_one_line(run("joulecut", "plan", "problem.json"), ExitCode.BAD_INPUT, *words)


def test_a_missing_problem(run: Run) -> None:
    """The file is named."""
    assert_one_line(run("joulecut", "plan", "nothing.json"), ExitCode.BAD_INPUT, "nothing.json: no such file")


def test_no_agent_to_send_to(run: Run) -> None:
    """`joulecut run` says who did not answer and what to check."""
    ended = run("joulecut", "run", "unix:/nowhere/edge.sock")
    assert_one_line(ended, ExitCode.UNREACHABLE, "edge-agent unix:/nowhere/edge.sock cannot be reached", "check that")


def test_wrong_use(run: Run) -> None:
    """An option out of range and an unknown command end with the usage and status 2."""
    for arguments, words in (
        (("demo", "--requests", "3"), "--requests"),
        (("demon",), "Did you mean 'demo'?"),
    ):
        ended = run("joulecut", *arguments)
        assert ended.code == ExitCode.BAD_INPUT
        assert "Usage: joulecut" in ended.err
        assert words in ended.err
        assert "Traceback" not in ended.err


def test_the_demo_explains_itself(run: Run) -> None:
    """The newcomer's command lists its options at once, without loading what it will run."""
    ended = run("joulecut", "demo", "--help")
    assert ended.code == ExitCode.OK
    for option in ("--json", "--html", "--reprofile", "--requests", "--slowdown"):
        assert option in ended.out
