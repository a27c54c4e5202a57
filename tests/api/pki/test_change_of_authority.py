"""The document's change of authority, step by step: nobody of the site is left behind."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import typer

from joulecut.commands.pki import app
from joulecut.pki.certificates import issued_by, read_certificates
from tests.architecture.tree import ROOT
from tests.docs.pages.blocks import blocks

_SECURITY = ROOT / "docs" / "how-to-security.md"


def test_every_folder_of_the_document_takes_part_in_each_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each block, who was issued a certificate trusts whoever signs then; in the end, the new authority alone."""
    monkeypatch.chdir(tmp_path)
    joulecut = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    joulecut.add_typer(app)
    trusted: dict[str, set[int]] = {}
    for block in (shown.body for shown in blocks(_SECURITY) if shown.is_run and "joulecut pki" in shown.body):
        for line in block.splitlines():
            program, *arguments = shlex.split(line)
            assert program == "joulecut"
            joulecut(arguments, standalone_mode=False)
        step = next((each for each in ("begin", "switch", "finish") if f"rotate-authority {each}" in block), None)
        if step is not None:
            holders = [path.parent for path in tmp_path.glob("*/certificate.pem")]
            assert {path.name for path in holders} >= {"camera-2", "issued-camera-2", "operator-alice"}
            trusted[step] = {len(read_certificates(path / "authority.pem")) for path in holders}
            signing = read_certificates(tmp_path / "pki" / "authority.pem")[:1]
            signed = {issued_by(read_certificates(path / "certificate.pem")[0], signing) for path in holders}
            assert signed == set(signing)
    assert trusted == {"begin": {2}, "switch": {2}, "finish": {1}}
