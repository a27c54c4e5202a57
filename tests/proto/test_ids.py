"""Ids on the wire: short, printable, and made so from whatever an application says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulecut_core.errors import ContractError
from joulecut_proto.ids import MOST_LOCAL_CHARACTERS, check_id, check_local_id, sent_id


@given(local=st.text(max_size=MOST_LOCAL_CHARACTERS), number=st.integers(0, 10**20))
def test_every_application_s_id_can_be_sent(local: str, number: int) -> None:
    """Escaped and shortened; the number keeps two of them apart."""
    check_local_id(local)
    sent = sent_id(local, number)
    check_id("request_id", sent)
    assert sent.endswith(f"/{number}")


def test_ordinary_ids_are_sent_as_they_are() -> None:
    """Logs of both sides show the same words."""
    assert sent_id("camera-1:frame_7", 3) == "camera-1:frame_7/3"
    assert sent_id("a b", 4) == "a%20b/4"


@pytest.mark.parametrize("value", ["", "x" * 129, "a b", "\x1b[2J", "a\n", "\u00e4"])
def test_what_is_no_id_is_refused(value: str) -> None:
    """With little of it in the complaint."""
    with pytest.raises(ContractError, match=r"^session_id: ") as caught:
        check_id("session_id", value)
    assert len(str(caught.value)) < 200
