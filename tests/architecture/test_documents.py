"""Documents: links resolve, the changelog and decisions keep their form. What they tell to run: tests/docs/pages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from joulecut_core import errors
from joulecut_core.exits import ExitCode
from tests.architecture.tree import ROOT, documents, name, offences

DECISIONS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

HOSTS = (
    "arxiv.org",
    "docs.ray.io",
    "doi.org",
    "forums.developer.nvidia.com",
    "github.com",
    "keepachangelog.com",
    "ml.energy",
    "opentelemetry.io",
    "pypi.jetson-ai-lab.io",
    "semver.org",
    "www.bipm.org",
    "www.usenix.org",
)
"""What the documents may point to outside the repository; nothing is asked for while tests run."""

LINK = re.compile(r"(?:(?<!!)\[[^\]]*\]\(|^\[[^\]]+\]: )([^)\s]+)", flags=re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", flags=re.MULTILINE | re.DOTALL)


@cache
def anchors(path: Path) -> set[str]:
    """The anchors that a Markdown file's headings make."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_links_resolve() -> None:
    """Every relative link leads to a file of the repository, every anchor to a heading."""

    def broken(path: Path) -> Iterator[str]:
        for target in LINK.findall(FENCE.sub("", path.read_text(encoding="utf-8"))):
            if re.match(r"^[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            linked = (path.parent / file).resolve() if file else path
            if not linked.exists() or (anchor and anchor not in anchors(linked)):
                yield target

    assert not offences(documents(), broken)


def test_links_to_other_sites_are_whole_and_known() -> None:
    """Over https, to hosts that outlive a release; a new host is a decision, taken here."""
    for path in documents():
        for target in LINK.findall(FENCE.sub("", path.read_text(encoding="utf-8"))):
            if re.match(r"^[a-z]+:", target):
                assert re.match(rf"https://({'|'.join(map(re.escape, HOSTS))})/", target + "/"), (
                    f"{name(path)}: {target}"
                )


def test_example_problems_are_of_the_contract() -> None:
    """Every example says its schema and is plain JSON."""
    examples = sorted((ROOT / "docs" / "examples").glob("*.json"))
    assert examples
    for path in examples:
        assert json.loads(path.read_text(encoding="utf-8"))["schema"].startswith("joulecut.")


def test_decisions_have_a_form() -> None:
    """Number and title, then status, context, decision, consequences; at most a page."""
    for path in DECISIONS:
        text = path.read_text(encoding="utf-8")
        assert re.match(rf"^# {int(path.name[:4])}\. \S", text), path.name
        headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
        assert headings == ["Status", "Context", "Decision", "Consequences"], path.name
        assert len(text.splitlines()) <= 60, path.name


def test_decisions_are_numbered_without_gaps_and_listed() -> None:
    """The index names each decision once."""
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    index = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    assert all(index.count(f"]({path.name})") == 1 for path in DECISIONS)


def test_changelog_keeps_its_form() -> None:
    """Keep a Changelog: known headings, newest first, the version of pyproject.toml on top."""
    releases = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2}|unreleased)$", CHANGELOG, flags=re.MULTILINE)
    headings = re.findall(r"^## (.+)$", CHANGELOG, flags=re.MULTILINE)
    assert len([heading for heading in headings if heading != "[Unreleased]"]) == len(releases)
    versions = [tuple(map(int, version.split("."))) for version, _ in releases]
    assert versions == sorted(versions, reverse=True)
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{releases[0][0]}"' in project
    known = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security", "Contract"}
    assert set(re.findall(r"^### (.+)$", CHANGELOG, flags=re.MULTILINE)) <= known


def test_every_exit_code_has_its_section() -> None:
    """A service manager's owner finds each number, and what raises it."""
    page = (ROOT / "docs" / "reference-exit-codes.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (\d+): `(\w+)`", page, flags=re.MULTILINE)
    assert sections == [(str(int(code)), code.name) for code in ExitCode]
    for error in vars(errors):
        if error.endswith("Error") and error != "JoulecutError":
            assert f"`{error}`" in page


def test_documents_speak_of_the_project_alone() -> None:
    """No path of somebody's machine, no open end."""
    for path in documents():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(/work/|/root/|/home/(?!user)|\bTODO\b|\bTBD\b)", text), path
