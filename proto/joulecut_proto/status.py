"""Errors and gRPC status: what of an error leaves the process, what a status means to a caller.

The internal story goes to the log of the side where it happened; only a public text crosses the
wire. The error's class name travels in the trailing metadata, so that the caller sees the same
branch of the tree again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import grpc
import grpc.aio

from joulecut_core.errors import (
    AccessError,
    BundleError,
    CaptureError,
    ClockError,
    ConfigError,
    ContractError,
    DeviceError,
    FitError,
    JoulecutError,
    LeaseError,
    LinkError,
    PlanError,
    ProblemError,
    ProfileError,
)
from joulecut_proto.call_refusals import CallRefusedError
from joulecut_proto.inference_refusals import StreamRefusedError
from joulecut_proto.planning_refusals import PlannerBusyError, SolveTimeError

ERROR_KEY = "joulecut-error"
"""The trailing metadata entry that names the error's class."""

_SHOWN_CHARACTERS = 1000

_IN_LOG = "the agent that answered has the details in its log"


@dataclass(frozen=True, slots=True)
class Entry:
    """How one branch of errors crosses the wire; `public` replaces a message that may tell too much."""

    error: type[JoulecutError]
    code: grpc.StatusCode
    public: str | None = None


CATALOGUE: tuple[Entry, ...] = (
    Entry(ConfigError, grpc.StatusCode.INVALID_ARGUMENT, f"wrong configuration; {_IN_LOG}"),
    Entry(CaptureError, grpc.StatusCode.INVALID_ARGUMENT, f"the network cannot be captured; {_IN_LOG}"),
    Entry(BundleError, grpc.StatusCode.DATA_LOSS, f"the bundle is damaged or unknown; {_IN_LOG}"),
    Entry(ClockError, grpc.StatusCode.OUT_OF_RANGE),
    Entry(LeaseError, grpc.StatusCode.ABORTED),
    Entry(DeviceError, grpc.StatusCode.INTERNAL, f"the device failed; {_IN_LOG}"),
    Entry(ProfileError, grpc.StatusCode.NOT_FOUND, f"there is no usable profile; {_IN_LOG}"),
    Entry(FitError, grpc.StatusCode.NOT_FOUND, f"the profile cannot carry a model; {_IN_LOG}"),
    Entry(ProblemError, grpc.StatusCode.INVALID_ARGUMENT),
    Entry(PlanError, grpc.StatusCode.NOT_FOUND),
    Entry(PlannerBusyError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    Entry(SolveTimeError, grpc.StatusCode.DEADLINE_EXCEEDED),
    Entry(StreamRefusedError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    Entry(CallRefusedError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    Entry(LinkError, grpc.StatusCode.UNAVAILABLE),
    Entry(ContractError, grpc.StatusCode.FAILED_PRECONDITION),
    Entry(AccessError, grpc.StatusCode.PERMISSION_DENIED),
    Entry(JoulecutError, grpc.StatusCode.UNKNOWN, f"the call failed; {_IN_LOG}"),
)
"""A subclass stands before its base: the first entry that fits is the one."""

_BY_NAME: Mapping[str, type[JoulecutError]] = {entry.error.__name__: entry.error for entry in CATALOGUE}

_MENDED_BY_A_RETRY = frozenset((grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL))
"""Unavailable, and what a dying server or a proxy before it reports."""

# Statuses that gRPC itself or a proxy gives, without an error of ours behind them.
_FOREIGN: Mapping[grpc.StatusCode, type[JoulecutError]] = {
    grpc.StatusCode.UNIMPLEMENTED: ContractError,
    grpc.StatusCode.INVALID_ARGUMENT: ContractError,
    grpc.StatusCode.FAILED_PRECONDITION: ContractError,
    grpc.StatusCode.OUT_OF_RANGE: ContractError,
    grpc.StatusCode.UNAUTHENTICATED: AccessError,
    grpc.StatusCode.PERMISSION_DENIED: AccessError,
}

_TOO_LARGE = re.compile(r"(?:CLIENT: Sent|SERVER: Received) message larger than max \((\d+) vs\. (\d+)\)")
"""What gRPC says of a request; of replies it is the other way round."""

Metadata = Iterable[tuple[str, str | bytes]]


def entry_of(error: JoulecutError) -> Entry:
    """How this error crosses the wire."""
    return next(entry for entry in CATALOGUE if isinstance(error, entry.error))


def public_text(error: JoulecutError) -> str:
    """What a peer may read of this error."""
    text = entry_of(error).public or " ".join(str(error).split())
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."


def may_be_retried(error: JoulecutError) -> bool:
    """Whether an inference that failed with this error, raised here or by a peer, may succeed when sent once more."""
    cause = error.__cause__
    return (cause.code() if isinstance(cause, grpc.aio.AioRpcError) else entry_of(error).code) in _MENDED_BY_A_RETRY


def error_from_rpc(error: grpc.aio.AioRpcError, *, peer: str) -> JoulecutError:
    """The error behind a failed call to `peer`, in the branch it was raised in where the peer says so."""
    code, details = error.code(), " ".join((error.details() or "no details").split())
    kind = _named_error(error.trailing_metadata())
    if kind is ProblemError:
        # The caller's own document is at fault, and the path stands first wherever it is found out.
        return ProblemError(details)
    if kind is not None:
        return kind(f"{peer}: {details}")
    if code is grpc.StatusCode.UNAVAILABLE:
        remedy = "check that it runs, the address, and, with TLS, that both sides' certificates fit"
        return LinkError(f"{peer} cannot be reached: {details}; {remedy}")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return LinkError(f"{peer} did not answer in time: {details}")
    return _FOREIGN.get(code, LinkError)(f"{peer}: {code.name}: {details}")


def error_from_infer(error: grpc.aio.AioRpcError, *, peer: str) -> JoulecutError:
    """As `error_from_rpc`, of an application's request to an edge: that it is too large no second try mends."""
    too_large = _TOO_LARGE.search(error.details() or "")
    if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED or too_large is None:
        return error_from_rpc(error, peer=peer)
    size_bytes, most_bytes = too_large.groups()
    remedy = "send what its network takes: its status names the inputs' element types and shapes"
    return ContractError(f"{peer}: a request of {size_bytes} bytes; expected at most {most_bytes}; {remedy}")


def _named_error(metadata: Metadata | None) -> type[JoulecutError] | None:
    for key, value in metadata or ():
        if key == ERROR_KEY and isinstance(value, str):
            return _BY_NAME.get(value)
    return None
