"""Whose session is whose: the identity that planned it first, until it is released."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable

from joulecut_core.errors import AccessError, ContractError
from joulecut_core.timing import Clock
from joulecut_proto.security.identity import Identity
from joulecut_server.access.permit import Permit

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_MOST_SESSIONS = 20_000
"""More than the server remembers sessions; the longest silent ones are forgotten beyond this."""
_AWAY_S = 60.0
"""How long a session that gave way to a later one of its owner's stays away. Without it, edges that are more than their
certificate may have sessions would take each other's for ever, and plan anew each time."""


def check_session_id(session_id: str) -> None:
    """Raise ContractError where a session could not be called so."""
    if not _ID.fullmatch(session_id):
        raise ContractError(
            f"session id {session_id[:80]!r}; expected 1 to 128 letters, digits, dots, colons, dashes, underscores"
        )


class SessionOwners:
    """Remembers who started which session. Changed from the event loop only; `permit` is safe to ask in any thread."""

    def __init__(self, clock: Clock, *, most: int = _MOST_SESSIONS) -> None:
        self._clock = clock
        self._most = most
        self._permits: dict[str, Permit] = {}
        self._networks: dict[str, frozenset[str]] = {}
        self._by_owner: dict[Identity, OrderedDict[str, None]] = {}
        self._silent: OrderedDict[str, None] = OrderedDict()
        self._gave_way: OrderedDict[tuple[Identity, str], float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._permits)

    def permit(self, session_id: str) -> Permit | None:
        """What the session's owner may do; None where nobody owns it."""
        return self._permits.get(session_id)

    def owner(self, session_id: str) -> Identity | None:
        """Whose session it is; None where it is nobody's, or of a caller without TLS."""
        permit = self._permits.get(session_id)
        return None if permit is None else permit.identity

    def permits(self) -> tuple[tuple[str, Permit], ...]:
        """All sessions that are somebody's, with what their owners may do."""
        return tuple(self._permits.items())

    def claim(self, session_id: str, permit: Permit, networks: frozenset[str] = frozenset()) -> list[str]:
        """Make a session its owner's, who must be its owner already where there is one. `networks`: digests it is for.

        Returns sessions that are over with it: the longest silent ones of the same owner beyond its number, and of all
        beyond this server's. Raises AccessError where it is another's, or gave way to a later one of its owner's just
        now; ContractError where it cannot be called so.
        """
        check_session_id(session_id)
        self.check(session_id, permit)
        owner = permit.identity
        if owner is None:
            return []
        self._check_may_return(owner, session_id, permit)
        self._permits[session_id], self._networks[session_id] = permit, networks
        own = self._by_owner.setdefault(owner, OrderedDict())
        own[session_id] = self._silent[session_id] = None
        over = []
        while len(own) > permit.sessions:
            over.append(next(iter(own)))
            self._give_way(owner, over[-1])
            self.forget(over[-1])
        while len(self._permits) > self._most:
            over.append(next(iter(self._silent)))
            self.forget(over[-1])
        return over

    def check(self, session_id: str, permit: Permit) -> bool:
        """True where the session is this caller's, False where it is nobody's; raises AccessError for another's."""
        owned = self._permits.get(session_id)
        if owned is None or owned.identity is None:
            return permit.identity is None
        if owned.identity != permit.identity:
            raise AccessError(f"session {session_id[:80]} was started by another than {permit}; start one of your own")
        self._by_owner[owned.identity].move_to_end(session_id)
        self._silent.move_to_end(session_id)
        return True

    def judge(self, permit_of: Callable[[Identity, frozenset[str]], Permit]) -> dict[str, AccessError]:
        """Give each session what its owner may do now, and forget those that it may no longer have: returns why.

        `permit_of`: an identity's permit; raises AccessError where it may not have a session for these networks.
        """
        over: dict[str, AccessError] = {}
        for owner, own in tuple(self._by_owner.items()):
            kept: list[str] = []
            for session_id in own:
                try:
                    self._permits[session_id] = permit_of(owner, self._networks[session_id])
                except AccessError as error:
                    over[session_id] = error
                else:
                    kept.append(session_id)
            most = self._permits[kept[0]].sessions if kept else 0
            for session_id in kept[: max(len(kept) - most, 0)]:
                over[session_id] = AccessError(f"{owner} may have {most} sessions; see [[access.edges]] sessions")
                self._give_way(owner, session_id)
        for session_id in over:
            self.forget(session_id)
        return over

    def forget(self, session_id: str) -> None:
        """The session has ended."""
        owned = self._permits.pop(session_id, None)
        if owned is not None and owned.identity is not None:
            del self._silent[session_id], self._networks[session_id]
            own = self._by_owner[owned.identity]
            del own[session_id]
            if not own:
                del self._by_owner[owned.identity]

    def _give_way(self, owner: Identity, session_id: str) -> None:
        self._gave_way[owner, session_id] = self._clock.now_s()
        self._gave_way.move_to_end((owner, session_id))
        if len(self._gave_way) > self._most:
            self._gave_way.popitem(last=False)

    def _check_may_return(self, owner: Identity, session_id: str, permit: Permit) -> None:
        own = self._by_owner.get(owner, OrderedDict[str, None]())
        since_s = self._gave_way.get((owner, session_id))
        if session_id in own or len(own) < permit.sessions or since_s is None:
            return
        away_s = self._clock.now_s() - since_s
        if away_s < _AWAY_S:
            raise AccessError(
                f"session {session_id} gave way to a later one {away_s:.0f} s ago: {permit} may have {permit.sessions} "
                "at a time; give each edge a certificate of its own, or raise [[access.edges]] sessions"
            )
