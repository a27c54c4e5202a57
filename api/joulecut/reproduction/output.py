"""The reproduction as a document and as a folder of files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from joulecut.reproduction.course import Reproduction
from joulecut.reproduction.narrative import NARRATIVES
from joulecut.reproduction.page import render_page
from joulecut.reproduction.plots import plots
from joulecut.reproduction.sheets import csv_text, record
from joulecut_core.documents import cannot_write, write_bytes
from joulecut_core.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SCHEMA = "joulecut.reproduction/1"


def document(result: Reproduction) -> Mapping[str, object]:
    """Claims, findings and every row, for JSON."""
    return {
        "schema": SCHEMA,
        "paper": "arXiv 2502.06295",
        "claims": [{"case": told.case.value, "claim": told.claim, "source": told.source} for told in NARRATIVES],
        "findings": [record(row) for row in result.findings],
        "local": [record(row) for row in result.local],
        "cooperative": [record(row) for row in result.cooperative],
        "memory": [record(row) for row in result.memory],
    }


def write_folder(result: Reproduction, folder: Path) -> tuple[Path, ...]:
    """Four CSV files, the plots and `index.html`. Raises ConfigError where they cannot be written."""
    images = plots(result)
    sheets: Mapping[str, Sequence[DataclassInstance]] = {
        "summary.csv": result.findings,
        "local.csv": result.local,
        "cooperative.csv": result.cooperative,
        "memory.csv": result.memory,
    }
    files = {name: csv_text(rows).encode() for name, rows in sheets.items()}
    files |= {f"{name}.png": image for name, image in images.items()}
    files["index.html"] = render_page(result, images).encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_bytes(folder / name, content)
    except OSError as cause:
        raise cannot_write(f"--out {folder}: cannot be written: {cause}", cause, ConfigError) from cause
    return tuple(folder / name for name in files)
