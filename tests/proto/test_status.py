"""Errors over the wire: every branch has a status, comes back as itself, and tells no secrets."""

from __future__ import annotations

import grpc
import grpc.aio
import pytest

from joulecut_core import errors
from joulecut_core.errors import AccessError, ContractError, JoulecutError, LinkError, ProblemError
from joulecut_proto.status import (
    CATALOGUE,
    ERROR_KEY,
    entry_of,
    error_from_rpc,
    may_be_retried,
    public_text,
)


def tree(kind: type[JoulecutError] = JoulecutError) -> list[type[JoulecutError]]:
    """All errors that core declares."""
    children = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return [kind, *(each for child in children for each in tree(child))]


def rpc_error(
    code: grpc.StatusCode, details: str = "", trailing: tuple[tuple[str, str], ...] = ()
) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailing), details=details)


@pytest.mark.parametrize("kind", tree())
def test_every_error_has_its_own_entry(kind: type[JoulecutError]) -> None:
    """A new branch of the tree needs a status and a decision about its text."""
    assert entry_of(kind("x")).error is kind
    assert entry_of(kind("x")).code is not grpc.StatusCode.OK


@pytest.mark.parametrize("kind", tree())
def test_every_error_comes_back_as_itself(kind: type[JoulecutError]) -> None:
    """The caller can react to a branch, not to a text, and reads who says so."""
    error = kind("the story")
    sent = rpc_error(entry_of(error).code, public_text(error), ((ERROR_KEY, type(error).__name__),))
    back = error_from_rpc(sent, peer="server at host:1")
    assert type(back) is kind
    assert str(back).startswith("the story" if kind is ProblemError else "server at host:1: ")


def test_a_malformed_problem_reads_the_same_from_afar() -> None:
    """The path in the caller's document stands first, as when the library finds it out."""
    text = "edges[1].problem.link.rtt_s: -1.0; expected a finite number of at least 0"
    sent = rpc_error(grpc.StatusCode.INVALID_ARGUMENT, text, ((ERROR_KEY, "ProblemError"),))
    assert str(error_from_rpc(sent, peer="server")) == text


def test_a_subclass_outside_the_tree_crosses_as_its_base() -> None:
    """Backends may derive their own errors; peers see the branch."""

    class _Vendor(errors.ClockError):
        pass

    assert entry_of(_Vendor("x")).error is errors.ClockError


def test_no_base_hides_its_subclass() -> None:
    """The first entry that fits is the one, so subclasses come first."""
    kinds = [entry.error for entry in CATALOGUE]
    for index, kind in enumerate(kinds):
        assert not any(issubclass(later, kind) for later in kinds[index + 1 :])


@pytest.mark.parametrize("kind", [errors.ConfigError, errors.BundleError, errors.ProfileError, errors.DeviceError])
def test_texts_that_may_name_files_stay_in_the_log(kind: type[JoulecutError]) -> None:
    """A peer learns what kind of thing is wrong, not where it lies on the disk."""
    assert "secret" not in public_text(kind("/home/secret/key.pem: cannot be read"))


def test_public_texts_are_one_short_line() -> None:
    """Metadata has limits, and a log line is a line."""
    text = public_text(ProblemError("link.rtt_s: bad\nnext" + "x" * 5000))
    assert text.startswith("link.rtt_s: bad next")
    assert len(text) == 1000


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, LinkError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, LinkError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, LinkError),
        (grpc.StatusCode.UNIMPLEMENTED, ContractError),
        (grpc.StatusCode.UNAUTHENTICATED, AccessError),
        (grpc.StatusCode.PERMISSION_DENIED, AccessError),
    ],
)
def test_statuses_of_grpc_itself(code: grpc.StatusCode, kind: type[JoulecutError]) -> None:
    """Where no agent of ours answered, the status decides."""
    error = error_from_rpc(rpc_error(code, "Socket closed"), peer="server")
    assert type(error) is kind
    assert "Socket closed" in str(error)


def test_unreachable_mentions_certificates() -> None:
    """A refused client certificate looks like a dead server: the text must not send people the wrong way."""
    assert "certificates" in str(error_from_rpc(rpc_error(grpc.StatusCode.UNAVAILABLE), peer="server"))


def test_a_peer_cannot_name_any_class() -> None:
    """Only errors of the catalogue are built from what a peer says."""
    error = error_from_rpc(rpc_error(grpc.StatusCode.INTERNAL, "x", ((ERROR_KEY, "SystemExit"),)), peer="server")
    assert type(error) is LinkError


@pytest.mark.parametrize(
    ("code", "is_mended"),
    [
        (grpc.StatusCode.UNAVAILABLE, True),
        (grpc.StatusCode.INTERNAL, True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, False),
        (grpc.StatusCode.FAILED_PRECONDITION, False),
        (grpc.StatusCode.UNAUTHENTICATED, False),
        (grpc.StatusCode.DEADLINE_EXCEEDED, False),
    ],
)
def test_what_a_retry_can_mend_is_retried(code: grpc.StatusCode, is_mended: bool) -> None:
    """An overloaded server, another plan or a wrong certificate stay what they are."""
    refused = error_from_rpc(rpc_error(code), peer="server")
    refused.__cause__ = rpc_error(code)
    assert may_be_retried(refused) is is_mended


def test_an_error_raised_here_is_judged_by_its_branch() -> None:
    """There is no call behind it that could say more."""
    assert may_be_retried(LinkError("gone"))
    assert not may_be_retried(ContractError("epoch"))
