"""A hook of mkdocs: files of the repository that pages link to become pages of the site.

A link is written as it works in the repository, `../deploy/README.md`; mkdocs knows the docs folder alone. Markdown
files become pages below `repository/`, other text a page that shows it, the rest is copied. No other host is needed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

PREFIX = "repository/"

_FENCE = re.compile(r"(^```.*?^```)", flags=re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(\[[^\]]*\]\()([^)\s]+)(\))")
_LANGUAGES = {
    ".csv": None,
    ".html": None,
    ".json": "json",
    ".py": "python",
    ".service": "ini",
    ".toml": "toml",
    ".yaml": "yaml",
}
"""Suffixes of text to the language it is shown in; None is copied as it is."""


def mapped_links(markdown: str, change: Callable[[str], str]) -> str:
    """A document with the target of each of its relative links changed; code blocks stay as they are."""

    def replaced(match: re.Match[str]) -> str:
        target = match[2]
        return match[0] if re.match(r"^([a-z]+:|#)", target) else match[1] + change(target) + match[3]

    parts = _FENCE.split(markdown)
    return "".join(part if part.startswith("```") else _LINK.sub(replaced, part) for part in parts)


def linked_paths(markdown: str, path: str) -> Iterator[str]:
    """The files that a document links to, relative to the repository like its own path."""
    targets: list[str] = []

    def collected(target: str) -> str:
        targets.append(target.partition("#")[0])
        return target

    mapped_links(markdown, collected)
    return (posixpath.normpath(posixpath.join(posixpath.dirname(path), target)) for target in targets)


def site_uri(path: str) -> str:
    """Where on the site, as mkdocs counts its sources, a path of the repository lies."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    shown = Path(path).suffix in _LANGUAGES and _LANGUAGES[Path(path).suffix] is not None
    return PREFIX + (f"{path}.md" if shown else path)


def repository_path(src_uri: str) -> str:
    """The path in the repository that a page of the site stands for."""
    return src_uri.removeprefix(PREFIX) if src_uri.startswith(PREFIX) else f"docs/{src_uri}"


def generated_file(config: MkDocsConfig, root: Path, path: str) -> File:
    """The site's copy of a file of the repository."""
    uri = site_uri(path)
    if uri == PREFIX + path:
        return File.generated(config, uri, abs_src_path=str(root / path))
    text = (root / path).read_text(encoding="utf-8").rstrip("\n")
    language = _LANGUAGES[Path(path).suffix]
    return File.generated(config, uri, content=f"# {path}\n\n~~~~~~{language}\n{text}\n~~~~~~\n")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what the pages link to, and what those pages link to, to the site."""
    root = Path(config.config_file_path).parent
    waiting = [repository_path(file.src_uri) for file in files.documentation_pages()]
    waiting += ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]
    seen = set(waiting)
    while waiting:
        path = waiting.pop()
        if not path.startswith("docs/"):
            files.append(generated_file(config, root, path))
        if not path.endswith(".md"):
            continue
        for linked in linked_paths((root / path).read_text(encoding="utf-8"), path):
            if linked not in seen and not linked.startswith(("docs/", "..")) and (root / linked).is_file():
                seen.add(linked)
                waiting.append(linked)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs' names
    """Lead each link of a page to the site's copy of the file that it names."""
    path = repository_path(page.file.src_uri)
    root = Path(config.config_file_path).parent

    def on_site(target: str) -> str:
        file, mark, anchor = target.partition("#")
        linked = posixpath.normpath(posixpath.join(posixpath.dirname(path), file))
        if not (root / linked).is_file() or linked.startswith(".."):
            return target
        return posixpath.relpath(site_uri(linked), posixpath.dirname(page.file.src_uri) or ".") + mark + anchor

    return mapped_links(markdown, on_site)
