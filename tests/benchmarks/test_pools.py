"""The pool benchmark runs from a clone and writes what its page says."""

from __future__ import annotations

from pathlib import Path

from benchmarks.pools import main


def test_quick_run_writes_tables(tmp_path: Path) -> None:
    """Small pools: a row per size with its gap, a row per change, the simulated line, and what is full first."""
    main(["--quick", "--out", str(tmp_path)])
    text = (tmp_path / "pools.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    cold = [row for row in rows if len(row) == 8 and row[0].isdigit()]
    warm = [row for row in rows if row[0] in {"an edge leaves", "an edge joins", "a server dies", "it comes back"}]
    assert [row[0] for row in cold] == ["10", "20"]
    assert all(float(row[6]) < 0.01 for row in cold)
    assert len(warm) == 4
    assert all(float(row[2]) < 0.02 for row in warm)
    assert "(simulated)" in text
    assert any(row[0] == "a server's time" for row in rows)
