"""Whose session is whose: the identity that planned it first, until it is released."""

from __future__ import annotations

import re
from collections import OrderedDict

from joulecut_core.errors import AccessError, ContractError
from joulecut_proto.security.identity import Identity
from joulecut_server.access.permit import Permit

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_MOST_SESSIONS = 20_000
"""More than the server remembers sessions; the longest silent ones are forgotten beyond this."""


def check_session_id(session_id: str) -> None:
    """Raise ContractError where a session could not be called so."""
    if not _ID.fullmatch(session_id):
        raise ContractError(
            f"session id {session_id[:80]!r}; expected 1 to 128 letters, digits, dots, colons, dashes, underscores"
        )


class SessionOwners:
    """Remembers who started which session. Changed from the event loop only; `permit` is safe to ask in any thread."""

    def __init__(self, *, most: int = _MOST_SESSIONS) -> None:
        self._most = most
        self._permits: dict[str, Permit] = {}
        self._by_owner: dict[Identity, OrderedDict[str, None]] = {}
        self._silent: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._permits)

    def permit(self, session_id: str) -> Permit | None:
        """What the session's owner may do; None where nobody owns it."""
        return self._permits.get(session_id)

    def claim(self, session_id: str, permit: Permit) -> list[str]:
        """Make a session its owner's, who must be its owner already where there is one.

        Returns sessions that are over with it: the longest silent ones of the same owner beyond its number, and of all
        beyond this server's. Raises AccessError where it is another's, ContractError where it cannot be called so.
        """
        check_session_id(session_id)
        self.check(session_id, permit)
        owner = permit.identity
        if owner is None:
            return []
        self._permits[session_id] = permit
        own = self._by_owner.setdefault(owner, OrderedDict())
        own[session_id] = self._silent[session_id] = None
        self._heard(session_id, own)
        over = []
        while len(own) > permit.sessions:
            over.append(next(iter(own)))
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
        self._heard(session_id, self._by_owner[owned.identity])
        return True

    def forget(self, session_id: str) -> None:
        """The session has ended."""
        owned = self._permits.pop(session_id, None)
        if owned is not None and owned.identity is not None:
            del self._silent[session_id]
            own = self._by_owner[owned.identity]
            del own[session_id]
            if not own:
                del self._by_owner[owned.identity]

    def _heard(self, session_id: str, own: OrderedDict[str, None]) -> None:
        own.move_to_end(session_id)
        self._silent.move_to_end(session_id)
