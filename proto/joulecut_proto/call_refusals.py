"""What an agent says to a caller that asks too much of it at once."""

from __future__ import annotations

from joulecut_core.errors import LinkError


class CallRefusedError(LinkError):
    """As many calls as the agent takes are under way; the message says whose, and when to try again."""
