"""What a finding promises."""

from __future__ import annotations

import pytest

from joulecut.diagnosis.finding import Area, Finding, Status, worst


@pytest.mark.parametrize("status", [Status.WARNING, Status.PROBLEM])
@pytest.mark.parametrize("remedy", [None, ""])
def test_what_is_wrong_has_a_remedy(status: Status, remedy: str | None) -> None:
    """A check that complains without saying what to do does not get into the product."""
    with pytest.raises(ValueError, match="without a remedy"):
        Finding(area=Area.HOST, name="kernel", status=status, what="odd", remedy=remedy)


def test_the_worst_counts() -> None:
    """The exit status follows the worst finding, in whatever order they came; nothing found is nothing wrong."""
    note = Finding(area=Area.HOST, name="a", status=Status.NOTE, what="so")
    problem = Finding(area=Area.HOST, name="b", status=Status.PROBLEM, what="bad", remedy="mend it")
    assert worst([note, problem, note]) is Status.PROBLEM
    assert worst([note]) is Status.NOTE
    assert worst([]) is Status.OK
