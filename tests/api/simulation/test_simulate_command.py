"""`joulecut simulate` from flags to numbers: what judges of policies run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from joulecut.commands.simulate import simulate
from joulecut_core.programs import run_program
from joulecut_planner.serving.service_file import save_service_table
from tests.api.simulation.made_up import TABLE, trace_file

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(name="joulecut_simulate")
def _joulecut_simulate(capsys: pytest.CaptureFixture[str]) -> Run:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(simulate)

    def run(*arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        with pytest.raises(SystemExit) as ended:
            raise SystemExit(run_program(lambda: app(list(arguments))))
        output = capsys.readouterr()
        return int(ended.value.code or 0), output.out, output.err

    return run


@pytest.fixture(name="tables")
def _tables(tmp_path: Path) -> str:
    path = tmp_path / "table.json"
    save_service_table(TABLE, path)
    return str(path)


def runs(text: str) -> list[dict[str, Any]]:
    """The runs of a printed document."""
    found: list[dict[str, Any]] = json.loads(text)["runs"]
    return found


def test_json_of_two_policies_and_loads(joulecut_simulate: Run, tables: str) -> None:
    """One run for each; nothing but the document on standard output."""
    code, out, err = joulecut_simulate(
        *("--trace", "poisson", "--requests", "300", "--tables", tables, "--policy", "fixed,eali"),
        *("--utilisation", "0.3,0.6", "--slo-ms", "20", "--json"),
    )
    assert (code, err.strip()) == (0, "")
    assert [run["policy"] for run in runs(out)] == ["fixed", "eali"] * 2
    document = json.loads(out)
    assert document["slo_s"] == pytest.approx(0.02)
    assert document["accuracy_floor"] == pytest.approx(0.995)
    assert document["table"]["source"] == f"table: {tables}"


def test_every_policy_answers_every_request(joulecut_simulate: Run, tables: str, tmp_path: Path) -> None:
    """`all` on a trace with edges, priorities and entries: whatever they do, requests and joules add up."""
    rows = [f"{0.003 * n:.3f},{'abc'[n % 3]},{n % 2},{n % 5 // 4}" for n in range(200)]
    trace = trace_file(tmp_path, *rows, header="time_s,edge,entry,priority")
    code, out, err = joulecut_simulate("--trace", str(trace), "--tables", tables, "--most-waiting", "20", "--json")
    assert code == 0, err
    assert len({run["policy"] for run in runs(out)}) == 8
    for run in runs(out):
        assert run["requests"] == 200 == run["on_time"] + run["late"] + run["rejected"]
        assert run["energy_j"] == pytest.approx(run["busy_j"] + run["idle_j"] + run["switching_j"])
        assert run["duration_s"] == pytest.approx(run["busy_s"] + run["idle_s"] + run["switching_s"])


def test_tables_on_the_terminal_and_a_folder(joulecut_simulate: Run, tables: str, tmp_path: Path) -> None:
    """Without --json a reader's tables; the files written are named on standard error."""
    pytest.importorskip("matplotlib")
    code, out, err = joulecut_simulate(
        *("--trace", "periodic", "--requests", "50", "--rate-hz", "20", "--tables", tables),
        *("--policy", "fixed", "--out", str(tmp_path / "out")),
    )
    assert code == 0
    assert "20 requests/s" in out
    assert f"wrote {tmp_path / 'out' / 'index.html'}" in err
    assert (tmp_path / "out" / "index.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--trace", "absent.csv"), "absent.csv: no such file"),
        (("--trace", "poisson", "--policy", "quickest"), "no policy 'quickest'"),
        (("--trace", "poisson", "--utilisation", "0.2", "--scale", "2"), "expected one of them"),
        (("--trace", "poisson", "--slo-ms", "0"), "--slo-ms"),
        (("--trace", "poisson", "--network", "x"), "--tables stands for itself"),
        (("--trace", "poisson", "--power-cap-w", "1"), "a power cap of 1 W"),
        (("--trace", "bursty", "--gap-variation", "0.5"), "--trace bursty: a variation of 0.5"),
        (("--trace", "poisson", "--link", "absent.csv", "--payload-bytes", "10"), "absent.csv: no such file"),
        (("--trace", "poisson", "--variants", "int8"), "expected fp32, the reference"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    joulecut_simulate: Run, tables: str, arguments: tuple[str, ...], message: str
) -> None:
    """The line names the value and what was expected; standard output stays empty."""
    code, out, err = joulecut_simulate("--tables", tables, "--requests", "20", *arguments)
    assert (code, out) == (2, "")
    assert err.strip().startswith("error: ")
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_without_a_table_it_says_how_to_get_one(joulecut_simulate: Run) -> None:
    """Neither a file nor both of network and device."""
    for arguments in ((), ("--network", "efficientnet-lite0")):
        code, out, err = joulecut_simulate("--trace", "poisson", *arguments)
        assert (code, out) == (2, "")
        assert "expected --tables with a file, or both --network and --device" in err


def test_a_damaged_table_is_named(joulecut_simulate: Run, tmp_path: Path) -> None:
    """File and field."""
    damaged = tmp_path / "damaged.json"
    damaged.write_text('{"schema": "joulecut.service/1", "network": "n"}', encoding="utf-8")
    code, _, err = joulecut_simulate("--trace", "poisson", "--tables", str(damaged))
    assert code == 2
    assert "damaged.json" in err


def test_bounds_are_below_what_policies_come_to(joulecut_simulate: Run, tables: str) -> None:
    """With --bounds: one for each load, kept by every policy in full precision; a sentence each on the terminal."""
    asked = (
        *("--trace", "poisson", "--requests", "200", "--tables", tables, "--policy", "fixed,eali", "--bounds"),
        *("--utilisation", "0.3,0.9", "--variants", "fp32"),
    )
    code, out, err = joulecut_simulate(*asked, "--json")
    assert code == 0, err
    bounds = json.loads(out)["bounds"]
    assert [bound["utilisation"] for bound in bounds] == pytest.approx([0.3, 0.9])
    by_load = {bound["rate_hz"]: bound for bound in bounds}
    for run in runs(out):
        bound = by_load[run["rate_hz"]]
        assert run["requests"] - run["on_time"] >= bound["fewest_misses"]
        if run["requests"] - run["on_time"] <= bound["allowed_misses"]:
            assert run["energy_per_request_j"] >= bound["least_energy_per_request_j"]
            assert run["busy_energy_per_request_j"] >= bound["least_busy_energy_per_request_j"]
    code, out, _ = joulecut_simulate(*asked)
    assert code == 0
    assert " ".join(out.split()).count("No schedule in full precision") == 2


def test_no_bound_on_all_joules_is_below_that_without_idle(joulecut_simulate: Run, tables: str) -> None:
    """Under more than can be served, where nothing idles, neither of the two searches is always the closer."""
    code, out, err = joulecut_simulate(
        *("--trace", "poisson", "--requests", "200", "--tables", tables, "--policy", "fixed", "--bounds", "--json"),
        *("--utilisation", "0.5,1.1,1.3,1.6"),
    )
    assert code == 0, err
    for bound in json.loads(out)["bounds"]:
        assert bound["least_energy_per_request_j"] >= bound["least_busy_energy_per_request_j"]


def test_bounds_of_requests_that_are_not_alike_are_refused(joulecut_simulate: Run, tables: str, tmp_path: Path) -> None:
    """Entries behind the first unit shorten what has to run, which the bounds do not know."""
    trace = trace_file(tmp_path, "0,1", "0.1,0", header="time_s,entry")
    code, _, err = joulecut_simulate("--trace", str(trace), "--tables", tables, "--policy", "fixed", "--bounds")
    assert code == 2
    assert "--bounds" in err


def test_what_counts_is_what_is_saved(joulecut_simulate: Run, tables: str) -> None:
    """--idle-free: EALI and joulecut take no more joules for their batches than when those at rest count too."""
    asked = (
        *("--trace", "poisson", "--requests", "400", "--tables", tables, "--policy", "eali,joulecut"),
        *("--utilisation", "0.2", "--variants", "fp32", "--json"),
    )
    counted, free = (runs(joulecut_simulate(*asked, *more)[1]) for more in ((), ("--idle-free",)))
    for one, other in zip(free, counted, strict=True):
        assert one["busy_energy_per_request_j"] <= other["busy_energy_per_request_j"]


def test_a_miss_share_is_a_share(joulecut_simulate: Run, tables: str) -> None:
    """All of the requests is no share that may be missed."""
    code, _, err = joulecut_simulate("--trace", "poisson", "--tables", tables, "--miss-share", "1")
    assert code == 2
    assert "--miss-share" in err
