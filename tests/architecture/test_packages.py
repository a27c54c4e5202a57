"""What each package must be: typed, documented, honest about its public names."""

from __future__ import annotations

import importlib
import inspect
import sys
from types import ModuleType

import pytest

from tests.architecture.tree import PACKAGES, ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

FACES = [package for package in PACKAGES.values() if hasattr(importlib.import_module(package), "__all__")]


_OF_THE_LANGUAGE = {"annotations", "Any", "TYPE_CHECKING"}


def public_names(face: ModuleType) -> set[str]:
    """The names that a reader of a face takes for public: what it defines or imports from the project, lazily too."""
    eager = {
        name
        for name, value in vars(face).items()
        if not name.startswith("_") and not inspect.ismodule(value) and name not in _OF_THE_LANGUAGE
    }
    return eager | {name for name in face.__all__ if hasattr(face, name)}


@pytest.mark.parametrize(("folder", "package"), PACKAGES.items())
def test_folder_holds_one_package_and_its_readme(folder: str, package: str) -> None:
    """The folder is on the import path of an editable install: a stray module there would be a top-level module."""
    found = {path.name for path in (ROOT / folder).iterdir() if path.name != "__pycache__"}
    assert found == {package, "README.md"}


@pytest.mark.parametrize(("folder", "package"), PACKAGES.items())
def test_types_are_shipped(folder: str, package: str) -> None:
    """Users' type checkers see the annotations."""
    assert (ROOT / folder / package / "py.typed").is_file()


@pytest.mark.parametrize(("folder", "package"), PACKAGES.items())
def test_package_says_what_it_is_for(folder: str, package: str) -> None:
    """The package's docstring is more than its name."""
    docstring = importlib.import_module(package).__doc__ or ""
    assert len(docstring.split()) >= 5, docstring
    assert (ROOT / folder / "README.md").read_text(encoding="utf-8").startswith(f"# {folder}\n")


@pytest.mark.parametrize("package", FACES)
def test_face_equals_reality(package: str) -> None:
    """What a face offers is what it lists, each name once, in order."""
    face = importlib.import_module(package)
    names: list[str] = face.__all__
    assert len(names) == len(set(names))
    assert set(names) - {"__version__"} == public_names(face)
    assert names == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


@pytest.mark.parametrize("package", PACKAGES.values())
def test_faces_are_short(package: str) -> None:
    """A face explains and re-exports; code lives in modules."""
    source = inspect.getsource(importlib.import_module(package))
    assert source.count("\n") < 60


def test_planner_and_joulecut_have_a_face() -> None:
    """The two packages that applications import list their public names."""
    assert {"joulecut", "joulecut_planner"} <= set(FACES)


def test_wheel_lists_every_package() -> None:
    """A new part joins the wheel in the same change."""
    listed = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(listed) == sorted(f"{folder}/{package}" for folder, package in PACKAGES.items())


def test_torch_is_an_open_extra() -> None:
    """An upper bound, or torch among the plain dependencies, would replace a Jetson's vendor build."""
    assert not [line for line in PROJECT["project"]["dependencies"] if line.startswith("torch")]
    extras = PROJECT["project"]["optional-dependencies"]
    assert extras["torch"] == ["torch>=2.4"]
    assert not [line for lines in extras.values() for line in lines if line.startswith("torch") and "<" in line]


def test_a_plain_install_is_light() -> None:
    """`pip install joulecut` brings what planning needs, by name."""
    names = {line.split(">")[0] for line in PROJECT["project"]["dependencies"]}
    assert names == {"numpy", "rich", "scipy", "tomli", "typer"}
