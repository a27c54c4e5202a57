"""The links to servers that were measured or found out, by address."""

from __future__ import annotations

from joulecut_core.links import LinkEstimate

_MOST = 64
"""Remembered, the latest: behind a name addresses come and go for years."""


class KnownLinks:
    """What to plan for when a server is joined once more."""

    def __init__(self) -> None:
        self._links: dict[str, LinkEstimate] = {}

    def __contains__(self, address: str) -> bool:
        return address in self._links

    def to(self, address: str) -> LinkEstimate | None:
        """The link to this server as it was last known; None where it is to be measured."""
        return self._links.get(address)

    def remember(self, address: str, link: LinkEstimate) -> None:
        """Plan for this link when this server is joined."""
        self.forget(address)
        self._links[address] = link
        if len(self._links) > _MOST:
            del self._links[next(iter(self._links))]

    def forget(self, address: str) -> None:
        """Measure the link to this server anew when it is joined."""
        self._links.pop(address, None)
