"""What a proxy says of its caller: read whole and strictly, or not at all."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulecut_core.errors import AccessError
from joulecut_proto.security.forwarded import forwarded_identity
from joulecut_proto.security.identity import Identity, Role

CAM = Identity(site="lab", role=Role.EDGE, name="cam")


@pytest.mark.parametrize(
    "header",
    [
        "URI=spiffe://lab/edge/cam",
        'By=spiffe://lab/proxy/front;Hash=46ab;Subject="CN=cam,O=lab;x";URI=spiffe://lab/edge/cam;DNS=a;DNS=b',
        'Hash=46ab;Subject="a \\"quoted\\" name";URI="spiffe://lab/edge/cam"',
        "By=spiffe://lab/proxy/front;URI=spiffe://lab/operator/boss,By=x;URI=spiffe://lab/edge/cam",
        'Subject="";URI=spiffe://lab/edge/cam',
    ],
)
def test_the_last_element_names_the_caller(header: str) -> None:
    """Elements before it came with the request: whoever made that may have written them."""
    assert forwarded_identity(header) == CAM


@pytest.mark.parametrize(
    "header",
    [
        "",
        "URI=",
        "spiffe://lab/edge/cam",
        "URI=spiffe://lab/edge/cam;URI=spiffe://lab/operator/boss",
        "URI=spiffe://lab/operator/boss,By=x;Hash=1",
        "URI=spiffe://lab/edge/cam,",
        "URI=spiffe://lab/edge/cam;",
        ",URI=spiffe://lab/edge/cam",
        'Subject="open;URI=spiffe://lab/edge/cam',
        'Subject="a"b;URI=spiffe://lab/edge/cam',
        'Subject=a"b";URI=spiffe://lab/edge/cam',
        "Other=1;URI=spiffe://lab/edge/cam",
        " URI=spiffe://lab/edge/cam",
        "URI=spiffe://lab/edge/cam ",
        "URI=spiffe://lab/edge/c\\am",
        "Hash=" + "0" * 20_000 + ";URI=spiffe://lab/edge/cam",
    ],
)
def test_anything_else_is_refused(header: str) -> None:
    """A header that two readers could read in two ways is nobody's identity."""
    with pytest.raises(AccessError, match="x-forwarded-client-cert"):
        forwarded_identity(header)


@given(st.text(st.sampled_from('URIByHash=;,"\\ spiffe://lab/edge/cam*'), max_size=60))
def test_no_header_does_harm(header: str) -> None:
    """An identity that stands in the text, or a refusal, whatever the text."""
    with suppress(AccessError):
        assert str(forwarded_identity(header)) in header.replace("\\", "")
