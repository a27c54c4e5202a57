"""The error tree: one root, a docstring for each branch, drawn as it is."""

from __future__ import annotations

import inspect
import re

import pytest

from joulecut_core import errors
from joulecut_core.errors import JoulecutError

CLASSES = [value for value in vars(errors).values() if inspect.isclass(value)]


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_shares_the_root_and_says_when(error: type[Exception]) -> None:
    """`except JoulecutError` catches all that joulecut raises on purpose."""
    assert issubclass(error, JoulecutError)
    assert error.__doc__
    assert error.__name__.endswith("Error")


def test_the_drawn_tree_is_the_real_one() -> None:
    """The picture at the top of the module names each class once, below its real parent."""
    drawn: dict[str, str] = {}
    parents: dict[int, str] = {}
    for line in inspect.getdoc(errors).splitlines():  # type: ignore[union-attr]
        match = re.match(r"^([\s│├└─]*)(\w+Error)\b", line)
        if match:
            depth, name = len(match[1]), match[2]
            drawn[name] = next((parents[d] for d in sorted(parents, reverse=True) if d < depth), "Exception")
            parents = {d: parent for d, parent in parents.items() if d < depth} | {depth: name}

    assert drawn == {error.__name__: error.__bases__[0].__name__ for error in CLASSES}
