"""Links out of the docs folder, as they work in the repository and on the site."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from tests.architecture.tree import ROOT
from tests.docs.site.hooks import hook

pages = hook("repository_pages")


@pytest.mark.parametrize(
    ("markdown", "changed"),
    [
        ("[a](b.md)", "[a](x)"),
        ("![a](b.png) and [c](d.md#e)", "![a](x) and [c](x)"),
        ("[a](https://b.example) [c](#d) [e](mailto:f)", "[a](https://b.example) [c](#d) [e](mailto:f)"),
        ("```sh\n[a](b.md)\n```\n[a](b.md)", "```sh\n[a](b.md)\n```\n[a](x)"),
    ],
)
def test_relative_links_outside_code_are_mapped(markdown: str, changed: str) -> None:
    """Addresses, anchors of the page and code stay as they are."""
    assert pages.mapped_links(markdown, lambda _: "x") == changed


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("docs/adr/README.md", "adr/README.md"),
        ("README.md", "repository/README.md"),
        ("deploy/config/edge.toml", "repository/deploy/config/edge.toml.md"),
        ("benchmarks/results/fleet.png", "repository/benchmarks/results/fleet.png"),
        ("benchmarks/results/baselines.csv", "repository/benchmarks/results/baselines.csv"),
    ],
)
def test_where_files_lie_on_the_site(path: str, uri: str) -> None:
    """Documents keep their place, others lie below repository/; text that browsers download is shown on a page."""
    assert pages.site_uri(path) == uri


CONFIGURATION = """
site_name: example
use_directory_urls: false
theme: {name: null, custom_dir: theme}
plugins: []
not_in_nav: /repository/**
hooks: [HOOK]
validation: {links: {not_found: warn, anchors: warn}}
"""


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files below a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_linked_files_become_pages_and_links_lead_there(tmp_path: Path) -> None:
    """A page links a readme, which links a table and another page, which links a configuration file: all links hold."""
    write(
        tmp_path,
        {
            "mkdocs.yml": CONFIGURATION.replace("HOOK", str(ROOT / "docs" / "site" / "repository_pages.py")),
            "theme/main.html": "{{ page.content }}",
            "README.md": "# Readme\n\n[docs](docs/index.md)\n",
            "CONTRIBUTING.md": "# Contributing\n",
            "CHANGELOG.md": "# Changelog\n",
            "docs/index.md": "# Index\n\n[deploy](../deploy/README.md#units) and [more](deep/page.md)\n",
            "docs/deep/page.md": "# Page\n\n[up](../index.md), [out](../../deploy/edge.toml)\n",
            "deploy/README.md": "# Deploy\n\n## Units\n\n[table](table.csv), [back](../docs/deep/page.md)\n",
            "deploy/edge.toml": 'name = "camera"\n',
            "deploy/table.csv": "a,b\n",
        },
    )
    build(load_config(str(tmp_path / "mkdocs.yml"), strict=True))
    site = tmp_path / "site"
    assert "camera" in (site / "repository" / "deploy" / "edge.toml.html").read_text(encoding="utf-8")
    followed = 0
    for page in site.rglob("*.html"):
        for target in re.findall(r'href="([^"#]+)', page.read_text(encoding="utf-8")):
            assert (page.parent / target).is_file(), f"{page} leads to {target}"
            followed += 1
    assert followed == 7
