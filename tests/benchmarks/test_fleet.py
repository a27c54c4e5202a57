"""The fleet benchmark runs from a clone and writes what its page says."""

from __future__ import annotations

from pathlib import Path

from benchmarks.fleet import main


def test_quick_run_writes_tables_and_plot(tmp_path: Path) -> None:
    """Small fleets: a row per size, a row per change, gaps below 1 %, and a picture."""
    main(["--quick", "--out", str(tmp_path)])
    text = (tmp_path / "fleet.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    cold = [row for row in rows if len(row) == 5 and row[0].isdigit()]
    warm = [row for row in rows if row[0].startswith(("an edge", "a link"))]
    assert [row[0] for row in cold] == ["10", "20"]
    assert all(float(row[3]) < 0.01 for row in cold)
    assert len(warm) == 3
    assert all(float(row[3]) < 0.01 for row in warm)
    assert (tmp_path / "fleet.png").read_bytes().startswith(b"\x89PNG")
