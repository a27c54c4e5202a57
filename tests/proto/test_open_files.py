"""As many connections as the host allows."""

from __future__ import annotations

import resource

import pytest

from joulecut_proto.open_files import allow_open_files


def test_the_soft_limit_is_raised_to_the_hard_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shells and units start processes with 1024 files, fewer than a server has streams, or an edge connections."""
    held = [(1024, 65536)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: held[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: held.append(limits))
    assert (allow_open_files(), allow_open_files()) == (65536, 65536)
    assert held[1:] == [(65536, 65536)]
    held.append((1024, resource.RLIM_INFINITY))
    assert allow_open_files() == 1 << 20
    assert held[-1] == (1 << 20, resource.RLIM_INFINITY)


def test_where_that_is_refused_an_agent_starts_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox may forbid it."""

    def refuse(_: int, limits: tuple[int, int]) -> None:
        raise ValueError(limits)

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 65536))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert allow_open_files() == 1024
