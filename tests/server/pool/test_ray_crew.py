"""A crew on Ray: what it makes of Ray's answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from joulecut_core.errors import ConfigError
from joulecut_server.config import ServerConfig
from joulecut_server.pool.actor_names import actor_name
from joulecut_server.pool.options import PoolConfig, PoolOptions
from joulecut_server.pool.reports import ReplicaState
from joulecut_server.pool.seats import seat_of
from joulecut_server.pool.standing import PoolStanding, write_standing

pytest.importorskip("ray", reason="needs the extra `pool`")

from ray.exceptions import ActorDiedError, ActorUnavailableError, RayError

from joulecut_server.pool import ray_crew

POOL = PoolConfig(
    pool=PoolOptions(folder="/pool"), server=ServerConfig(device="emulated:t4", bundles=("/net",), name="gpu")
)


class _Call:
    def remote(self) -> object:
        return self


class _Actor:
    report = drain = _Call()


class _DiedError(ActorDiedError):
    def __str__(self) -> str:
        return "The actor died:\n  file, line\nConfigError: no such thing\n"


class _Made:
    def options(self, **given: object) -> _Made:
        del given
        return self

    def remote(self, config: object) -> _Actor:
        del config
        return _Actor()


@dataclass
class FakeRay:
    """Answers each call at once, with an error."""

    error: RayError

    def remote(self, made: object) -> _Made:
        del made
        return _Made()

    def wait(self, asked: Sequence[object], **given: object) -> tuple[Sequence[object], list[object]]:
        del given
        return asked, []

    def get(self, reference: object) -> Any:
        del reference
        raise self.error


def crew_of(ray: FakeRay, monkeypatch: pytest.MonkeyPatch) -> ray_crew.RayCrew:
    """One whose first server was started."""
    monkeypatch.setattr(ray_crew, "ray", ray)
    monkeypatch.setattr(ray_crew, "list_named_actors", list)
    crew = ray_crew.RayCrew(POOL.pool, lambda number: seat_of(POOL, number).config)
    crew.start(0)
    return crew


def test_servers_of_the_name_before_are_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder tells which pool was kept from it; its servers have the rules of before, and the seats' ports."""
    before, now = (PoolOptions(folder=str(tmp_path), name=name) for name in ("lab", "prod"))
    monkeypatch.setattr(ray_crew, "list_named_actors", lambda: [actor_name(before, 0)])
    write_standing(tmp_path, PoolStanding(name="lab", keeper_pid=1, wanted=1, servers=()))
    with pytest.raises(ConfigError, match="servers of the pool 'lab'"):
        ray_crew.RayCrew(now, lambda number: seat_of(POOL, number).config)


def test_a_server_that_could_not_be_made_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a host has another release, or none: it would be waited for as for one whose host is still sought."""
    crew = crew_of(FakeRay(_DiedError()), monkeypatch)
    report = crew.reports()[0]
    assert (report.state, report.complaint, report.pid) == (ReplicaState.FAILED, "ConfigError: no such thing", None)


def test_a_server_that_ray_starts_again_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is silent until it is back."""
    crew = crew_of(FakeRay(ActorUnavailableError("The actor is restarting", None)), monkeypatch)
    assert crew.reports() == {}
    assert crew.present() == {0}
