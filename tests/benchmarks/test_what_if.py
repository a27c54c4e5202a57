"""The benchmark of fronts and sweeps runs, and compares what it times."""

from __future__ import annotations

from pathlib import Path

from benchmarks.what_if import main


def test_a_quick_run_writes_every_question(tmp_path: Path) -> None:
    """One row for each question, the rivals' ratio where there is one, and the machine."""
    out = tmp_path / "what_if.md"
    main(["--quick", "--out", str(out)])
    rows = [line for line in out.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][1:]
    questions = [row.split(" | ")[0].strip("| ") for row in rows]
    assert questions == ["energy-latency front", "50 uplinks", "50 deadlines", "policy table", "explanation"]
    assert "Python" in out.read_text(encoding="utf-8")
