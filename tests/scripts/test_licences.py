"""Licences of an environment, as its packages state them."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from email.message import Message
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.scripts.loading import loaded

SCRIPT = ROOT / "scripts" / "licences"


@pytest.mark.parametrize(
    ("licences", "binding"),
    [
        (["MIT"], False),
        (["GPL-3.0-or-later"], True),
        (["AGPL-3.0"], True),
        (["GNU General Public License v3 (GPLv3)"], True),
        (["GNU Affero General Public License v3"], True),
        (["LGPL-2.1-or-later"], False),
        (["GNU Lesser General Public License v2 (LGPLv2)"], False),
        (["MIT OR GPL-2.0"], False),
        (["MIT AND GPL-2.0"], True),
        (["GPL-3.0-or-later WITH GCC-exception-3.1"], False),
        (["MIT", "GPL-3.0"], True),
        ([], False),
    ],
)
def test_what_binds(licences: list[str], binding: bool) -> None:
    """GPL and AGPL in all spellings; neither the LGPL, nor a choice, nor an exception for what is linked."""
    assert loaded(SCRIPT).binds(licences) is binding


def test_an_expression_counts_more_than_classifiers_and_these_more_than_text() -> None:
    """The newest way of stating a licence is the most exact one."""
    stated = loaded(SCRIPT).stated
    metadata = Message()
    metadata["License"] = "BSD\nRedistribution and use ..."
    assert stated(metadata) == ["BSD"]
    metadata["Classifier"] = "License :: OSI Approved"
    assert stated(metadata) == ["BSD"]
    metadata["Classifier"] = "License :: OSI Approved :: BSD License"
    assert "BSD License" in stated(metadata)
    metadata["License-Expression"] = "BSD-3-Clause"
    assert stated(metadata) == ["BSD-3-Clause"]


def environment(folder: Path, packages: dict[str, str]) -> Path:
    """An interpreter, or what looks like one, whose packages are these, by name with the licence."""
    for name, licence in packages.items():
        info = folder / "packages" / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        text = f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\nLicense-Expression: {licence}\n"
        (info / "METADATA").write_text(text, encoding="utf-8")
    python = folder / "python"
    path = json.dumps([str(folder / "packages")])
    python.write_text(f"#!/bin/sh\nprintf '%s\\n' {shlex.quote(path)}\n", encoding="utf-8")
    python.chmod(0o755)
    return python


@pytest.mark.parametrize(("extra", "status"), [("MIT", 0), ("GPL-3.0-only", 1)])
def test_the_table_and_the_verdict(extra: str, status: int, tmp_path: Path) -> None:
    """Every package has its row; an unexpected GPL fails and is named, the known optional one is not."""
    python = environment(tmp_path, {"jetson-stats": "AGPL-3.0", "other": extra})
    result = subprocess.run(
        [sys.executable, SCRIPT, "--python", python], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == status, result.stderr
    assert "| jetson-stats | 1.0 | AGPL-3.0 |" in result.stdout
    assert f"| other | 1.0 | {extra} |" in result.stdout
    assert ("other" in result.stderr) == (status == 1)
    assert "jetson-stats" not in result.stderr
