"""Which identity has which streams open, and what each of them may do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from joulecut_core.errors import AccessError
from joulecut_proto.inference_refusals import StreamRefusedError
from joulecut_proto.security.identity import Identity
from joulecut_proto.streaming.streams import InferenceServerStream
from joulecut_server.access.permit import Permit


@dataclass(slots=True)
class StreamRight:
    """What the owner of an open stream may do now."""

    permit: Permit


class OpenStreams:
    """The streams of all identities. Used from the event loop only."""

    def __init__(self) -> None:
        self._rights: dict[InferenceServerStream, StreamRight] = {}
        self._by_owner: dict[Identity, int] = {}

    def __len__(self) -> int:
        return len(self._rights)

    @contextmanager
    def one(self, stream: InferenceServerStream, owner: Identity, permit: Permit) -> Iterator[StreamRight]:
        """A stream that is open inside the context; raises StreamRefusedError where its owner has as many as it may."""
        count = self._by_owner.get(owner, 0)
        if count >= permit.rule.streams:
            raise StreamRefusedError(
                f"{owner} has {count} streams open, as many as it may; close one, or see [[access.edges]] streams"
            )
        self._by_owner[owner] = count + 1
        right = self._rights[stream] = StreamRight(permit)
        try:
            yield right
        finally:
            del self._rights[stream]
            self._by_owner[owner] -= 1
            if not self._by_owner[owner]:
                del self._by_owner[owner]

    def judge(
        self, permit_of: Callable[[Identity], Permit], over: Mapping[str, AccessError]
    ) -> dict[InferenceServerStream, AccessError]:
        """Give each stream what its owner may do now; returns those that have to end, and why.

        `permit_of` raises AccessError where an identity may not run requests. `over`: sessions that have ended, by
        which the streams that announced them end too.
        """
        ending: dict[InferenceServerStream, AccessError] = {}
        for stream, right in self._rights.items():
            identity = right.permit.identity
            if identity is None:
                continue
            try:
                right.permit = permit_of(identity)
            except AccessError as error:
                ending[stream] = error
            else:
                if stream.session_id is not None and stream.session_id in over:
                    ending[stream] = over[stream.session_id]
        return ending
