"""One request of an application as the edge-agent reads it, and its answer as the application reads it.

Both connections, `Connection` and `AsyncConnection`, say the same things; they differ in who waits.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from joulecut_core.decoding import show
from joulecut_core.errors import ContractError
from joulecut_core.ledgers import RequestLedger
from joulecut_proto.channels import MESSAGE_LIMIT_BYTES
from joulecut_proto.local_messages import InferReply, InferRequest
from joulecut_proto.tensor_arrays import array_of, frame_of

Array = npt.NDArray[Any]

CALL_S = 30.0
"""Wall seconds that a request may take where nothing else is asked for."""
REPLAN_S = 120.0
"""The same for planning again and for waiting for a meter's tick: both may take longer than an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The network's outputs as arrays, and where the request's seconds and joules went.

    `outputs` lie where they were received, and cannot be written to: copy what is to be changed.
    """

    outputs: tuple[Array, ...]
    ledger: RequestLedger


class RequestWriter:
    """Writes the requests of one connection. Safe to use from several threads: no two requests share an id."""

    def __init__(self) -> None:
        self._name = uuid.uuid4().hex[:8]
        self._numbers = itertools.count()

    def write(self, inputs: Sequence[Array]) -> InferRequest:
        """A request of these inputs, in order; raises ContractError for what is no array, or cannot be sent."""
        arrays = [(f"input{index}", _array(f"input{index}", each)) for index, each in enumerate(inputs)]
        # Before anything is laid out for the wire: a broadcast array takes no memory until then.
        size_bytes = sum(array.nbytes for _, array in arrays)
        if size_bytes > MESSAGE_LIMIT_BYTES:
            raise ContractError(f"inputs of {size_bytes} bytes; expected at most {MESSAGE_LIMIT_BYTES} in one request")
        frames = tuple(frame_of(name, array) for name, array in arrays)
        request_id = f"{self._name}-{next(self._numbers)}"
        return InferRequest(request_id=request_id, tensors=frames, application=self._name)


def _array(name: str, value: npt.ArrayLike) -> Array:
    try:
        return np.asanyarray(value)
    except (TypeError, ValueError, RuntimeError) as cause:  # what torch says of tensors that numpy cannot take
        kind = type(value).__name__
        raise ContractError(
            f"{name}: {show(value)} is of type {kind}; expected an array of numbers: {cause}"
        ) from cause


def answer_of(reply: InferReply) -> Answer:
    """The reply as an application reads it. Raises ContractError where it cannot be read."""
    return Answer(outputs=tuple(array_of(frame) for frame in reply.tensors), ledger=reply.ledger)
