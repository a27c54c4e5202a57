"""Pages that load nothing from another host."""

from __future__ import annotations

import pytest
import yaml

from tests.architecture.tree import ROOT
from tests.docs.site.hooks import hook

own_files = hook("own_files")


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<script src="https://cdn.example/x.js"></script>', ["https://cdn.example/x.js"]),
        ('<link rel="stylesheet" href="//fonts.example/f.css">', ["//fonts.example/f.css"]),
        ('<link href="https://fonts.example" rel="preconnect">', ["https://fonts.example"]),
        ('<img alt="a" src=https://pictures.example/a.png>', ["https://pictures.example/a.png"]),
        ('<script src="assets/x.js"></script><a href="https://example.org">out</a>', []),
        ('<link rel="canonical" href="https://joulecut.example/">', []),
    ],
)
def test_only_what_a_browser_loads_by_itself_counts(html: str, found: list[str]) -> None:
    """Scripts, styles and pictures of another host are found; links that a reader follows are not."""
    assert own_files.foreign_files(html) == found


def test_the_search_works_from_disk_by_our_own_script() -> None:
    """The theme would load its stand-in for workers from another host, unless one of this name is configured."""

    class Loader(yaml.SafeLoader):
        """Reads the configuration without building its Python objects."""

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
    config = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)  # noqa: S506 - a safe loader
    (script,) = config["extra"]["polyfills"]
    assert "iframe-worker" in script
    assert (ROOT / "docs" / script).is_file()
