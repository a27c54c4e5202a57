"""`joulecut problem`: two profiles, wires and a link become the file that `joulecut plan` takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from joulecut.cli import app
from joulecut.own.network import Network
from joulecut.own.problem import problem
from joulecut_core.errors import ProblemError
from joulecut_core.exits import ExitCode
from joulecut_core.problems import Objective
from joulecut_core.profiles import Profile, load_profile, save_profile
from joulecut_core.programs import run_program
from joulecut_core.wires import save_wires
from joulecut_planner import load_problem, solve
from tests.api.own.small_networks import captured_vectors, profiles_of_vectors

LINK = "--uplink-mbps 20"
Ended = Callable[[str], tuple[int, str, str]]


@pytest.fixture(name="measured", scope="module")
def _measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle, both profiles of it on emulated devices, and the wires of its inputs."""
    folder = tmp_path_factory.mktemp("measured")
    network, (edge, server) = captured_vectors(), profiles_of_vectors()
    network.save(folder / "bundle")
    save_profile(edge, folder / "edge.json")
    save_profile(server, folder / "server.json")
    save_wires(_measured_wires(network), folder / "wires.json")
    return folder


def _measured_wires(network: Network) -> Any:
    samples = torch.randn(4, 1, 8, generator=torch.Generator().manual_seed(0)).numpy()
    return network.wires([[sample] for sample in samples], samples_from="noise of a test")


@pytest.fixture(name="ended")
def _ended(
    measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Ended:
    for path in measured.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)

    def ended(line: str) -> tuple[int, str, str]:
        """Status, standard output, standard error of `joulecut LINE`."""
        with pytest.raises(SystemExit) as end:
            raise SystemExit(run_program(lambda: app(line.split())))
        output = capsys.readouterr()
        return int(end.value.code or 0), output.out, output.err

    return ended


def test_the_file_is_the_librarys_problem(ended: Ended) -> None:
    """Every option arrives in its place and unit, and what `plan` says of the file is what `solve` says."""
    code, said, notes = ended(
        "problem edge.json server.json --uplink-mbps 20 --downlink-mbps 5 --rtt-ms 4 --uplink-w 0.8 --downlink-w 0.5 "
        "--slo-ms 50 --quantile 0.99 --rate-hz 10 --max-accuracy-loss 0.25 --edge-weight 2 --server-weight 0.5 "
        "--wires wires.json --out problem.json"
    )
    assert (code, notes) == (0, "wrote problem.json; plan it with: joulecut plan problem.json\n")
    assert "vectors: " in said
    assert "edge: emulated on orin-nano-15w" in said
    assert "wires from samples: noise of a test" in said
    same = problem(
        edge=load_profile(Path("edge.json")),
        server=load_profile(Path("server.json")),
        wires=_measured_wires(captured_vectors()),
        uplink_bps=20e6,
        downlink_bps=5e6,
        rtt_s=0.004,
        uplink_w=0.8,
        downlink_w=0.5,
        latency_s=0.05,
        quantile=0.99,
        rate_hz=10.0,
        max_accuracy_loss=0.25,
        objective=Objective(edge_weight=2.0, server_weight=0.5),
    )
    assert load_problem("problem.json") == same
    code, said, _ = ended("plan problem.json --json")
    planned, solved = json.loads(said), solve(same)
    assert (code, planned["cut"], planned["codec"]) == (0, solved.cut, solved.codec)
    assert planned["energy_j"] == solved.energy_j


def test_a_bundle_stands_for_lossless_wires(ended: Ended) -> None:
    """Without measured wires nothing but raw tensors crosses, and that is said."""
    code, said, _ = ended(f"problem edge.json server.json {LINK} --wires bundle --out problem.json")
    assert code == 0
    assert "none: lossless codecs only" in said
    assert {wire.codec for cut in load_problem("problem.json").cuts[:-1] for wire in cut.wires} == {"raw"}


def test_json_is_the_problem(ended: Ended) -> None:
    """On standard output alone, the same as in a file beside it; and with --json no file is needed."""
    code, said, notes = ended(f"problem edge.json server.json {LINK} --wires wires.json --json --out problem.json")
    assert (code, json.loads(said)) == (0, json.loads(Path("problem.json").read_text()))
    assert json.loads(said)["schema"] == "joulecut.problem/1"
    assert notes.startswith("wrote problem.json")
    assert ended(f"problem edge.json server.json {LINK} --wires wires.json --json")[:2] == (0, said)


@pytest.mark.parametrize(
    ("options", "weights"),
    [("", (1.0, 1.0)), ("--objective total", (1.0, 1.0)), ("--objective battery", (1.0, 0.0))],
)
def test_whose_joules_count(ended: Ended, options: str, weights: tuple[float, float]) -> None:
    """Both sides' unless it is said otherwise."""
    _, said, _ = ended(f"problem edge.json server.json {LINK} --wires wires.json --json {options}")
    objective = json.loads(said)["objective"]
    assert (objective["edge_weight"], objective["server_weight"]) == weights


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("server.json edge.json --wires wires.json", ["server.json: a profile of the server's side", "EDGE before"]),
        ("edge.json edge.json --wires wires.json", ["edge.json: a profile of the edge's side", "--side server"]),
        ("edge.json nothing.json --wires wires.json", ["nothing.json: no such file"]),
        ("edge.json wires.json --wires wires.json", ["wires.json: schema: 'joulecut.wires/1'", "'joulecut.profile/1'"]),
        ("edge.json other.json --wires wires.json", ["other.json: of vectors (sha256:0", "profile the same bundle"]),
        ("edge.json server.json", ["no --wires; expected the bundle's folder", "--wires-out"]),
        ("edge.json server.json --wires other-wires.json", ["other-wires.json: of vectors (sha256:1", "--wires-out"]),
        (
            "edge.json server.json --wires edge.json",
            ["edge.json: schema: 'joulecut.profile/1'; expected 'joulecut.wires/1'"],
        ),
        ("edge.json server.json --wires empty", ["empty: manifest.json is missing", "bundle of joulecut pack"]),
        ("edge.json server.json --wires wires.json --quantile 0.9", ["--quantile 0.9: without --slo-ms"]),
        ("edge.json server.json --wires wires.json --slo-ms 9 --quantile 2", ["slo.quantile: 2.0", "below 1"]),
        ("edge.json server.json --wires wires.json --uplink-mbps 0", ["link.uplink_bps: 0.0", "above 0"]),
        ("edge.json server.json --wires wires.json --rtt-ms -1", ["link.rtt_s: -0.001", "at least 0"]),
        (
            "edge.json server.json --wires wires.json --objective battery --server-weight 1",
            ["--server-weight 1: beside --objective battery; leave out one"],
        ),
        ("edge.json server.json --wires wires.json --out edge.json", ["--out edge.json: is read as well"]),
        ("edge.json server.json --wires wires.json --out empty", ["--out empty: cannot be written", "another file"]),
    ],
)
def test_mistakes(ended: Ended, line: str, words: list[str]) -> None:
    """One line that names the file or option and what to do, status 2, nothing on standard output, no file written."""
    Path("empty").mkdir()
    _of_another_network("server.json", "other.json", "sha256:" + "0" * 64)
    text = Path("wires.json").read_text()
    digest = json.loads(text)["network_digest"]
    Path("other-wires.json").write_text(text.replace(digest, "sha256:" + "1" * 64))
    ending = "" if "--out" in line else " --out problem.json"
    code, said, notes = ended(f"problem {LINK} {line}{ending}")
    assert (code, said) == (ExitCode.BAD_INPUT, "")
    assert notes.startswith("error: ")
    assert notes.count("\n") == 1
    for each in words:
        assert each in notes
    assert not Path("problem.json").exists()


def _of_another_network(source: str, target: str, digest: str) -> None:
    known: Profile = load_profile(Path(source))
    save_profile(replace(known, key=replace(known.key, network_digest=digest)), Path(target))


def test_a_problem_goes_somewhere(ended: Ended) -> None:
    """Neither a file nor standard output: said before anything is read."""
    code, said, notes = ended(f"problem no.json nor.json {LINK} --wires wires.json")
    assert (code, said) == (ExitCode.BAD_INPUT, "")
    assert "neither --out nor --json" in notes


def test_an_uplink_of_nothing_is_no_problem(measured: Path) -> None:
    """In the library too: an error of the problem, not of arithmetic."""
    known = load_profile(measured / "edge.json"), load_profile(measured / "server.json")
    wires = captured_vectors().wires()
    with pytest.raises(ProblemError, match=r"link.uplink_bps: 0.0; expected a finite number above 0"):
        problem(edge=known[0], server=known[1], wires=wires, uplink_bps=0.0)
