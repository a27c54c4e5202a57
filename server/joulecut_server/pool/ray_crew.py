"""A crew of Ray actors: each in a process of its own, placed by the CPUs and GPU it needs, restarted by Ray."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import ray
from ray.exceptions import ActorDiedError, RayError
from ray.util import list_named_actors

from joulecut_core.decoding import encode
from joulecut_core.errors import DeviceError
from joulecut_server.config import ServerConfig
from joulecut_server.pool.actor_names import actor_name, seats_taken
from joulecut_server.pool.options import PoolOptions
from joulecut_server.pool.replica import RayReplica
from joulecut_server.pool.reports import ReplicaReport, ReplicaState
from joulecut_server.pool.seats import config_digest
from joulecut_server.pool.standing import name_before

_LOG = logging.getLogger(__name__)

NAMESPACE = "joulecut"
_THREADS = 4
"""A replica tells how it stands while it drains."""
_ANSWER_S = 0.5
"""Wall seconds that one look waits for answers; later ones are heard at the next look."""
_NVML_ORDER = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
"""Ray gives out indices: with this, CUDA counts GPUs as NVML does."""


class _Method(Protocol):
    def remote(self) -> ray.ObjectRef[Any]: ...


class _Actor(Protocol):
    """The handle of a `RayReplica`."""

    @property
    def report(self) -> _Method: ...

    @property
    def drain(self) -> _Method: ...


@dataclass(slots=True)
class _Hand:
    actor: _Actor
    asked: ray.ObjectRef[Any] | None = None
    leaving: ray.ObjectRef[Any] | None = None


class RayCrew:
    """Implements `Crew` on the cluster that this process is connected to. Servers that are there already are taken on.

    On a cluster that was there before, servers outlive this process; the next one finds them by their names, which say
    the folder of their pool too.
    """

    def __init__(self, options: PoolOptions, config_of: Callable[[int], ServerConfig]) -> None:
        """Raises ConfigError for servers of the same name from another folder, or of another name from this one."""
        self._options = options
        self._config_of = config_of
        self._lifetime = "detached" if options.address else None
        self._hands: dict[int, _Hand] = {}
        # The process is connected to the namespace of pools.
        before = name_before(Path(options.folder))
        for number in seats_taken(list_named_actors(), options, name_before=before):
            try:
                actor = ray.get_actor(self._name(number), namespace=NAMESPACE)
            except ValueError:
                # It has ended since.
                continue
            self._hands[number] = _Hand(cast(_Actor, actor))

    def present(self) -> frozenset[int]:
        """See `Crew.present`."""
        return frozenset(self._hands)

    def start(self, number: int) -> None:
        """See `Crew.start`."""
        options = self._options
        # Ray's `remote` has no type that says that it takes classes made elsewhere.
        replica = cast(Any, ray.remote(RayReplica))
        try:
            actor = replica.options(
                name=self._name(number),
                namespace=NAMESPACE,
                lifetime=self._lifetime,
                max_restarts=-1,
                max_task_retries=0,
                max_concurrency=_THREADS,
                num_cpus=options.cpus_per_server,
                num_gpus=options.gpus_per_server,
                scheduling_strategy="SPREAD",
                runtime_env={"env_vars": _NVML_ORDER} if options.gpus_per_server else None,
            ).remote(encode(self._config_of(number)))
        except (ValueError, RayError) as error:
            # The name of one that was ended is free a moment later.
            raise DeviceError(f"Ray starts no {self._name(number)}: {error}; it is tried again") from error
        self._hands[number] = _Hand(cast(_Actor, actor))

    def reports(self) -> Mapping[int, ReplicaReport]:
        """See `Crew.reports`."""
        self._forget_gone()
        asked: dict[ray.ObjectRef[Any], int] = {}
        for number, hand in self._hands.items():
            if hand.asked is None:
                hand.asked = hand.actor.report.remote()
            asked[hand.asked] = number
        answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=_ANSWER_S) if asked else ([], [])
        found: dict[int, ReplicaReport] = {}
        for reference in answered:
            number = asked[reference]
            self._hands[number].asked = None
            try:
                found[number] = ray.get(reference)
            except ActorDiedError as error:
                # For good: Ray starts those again that began, not one that could not even be made on its host.
                found[number] = self._not_made(number, error)
            except RayError as error:
                _LOG.debug("%s does not answer: %s", self._name(number), error)
        return found

    def leave(self, number: int) -> None:
        """See `Crew.leave`."""
        hand = self._hands[number]
        hand.leaving = hand.actor.drain.remote()

    def end(self, number: int) -> None:
        """See `Crew.end`."""
        hand = self._hands.pop(number)
        ray.kill(cast(Any, hand.actor), no_restart=True)

    def _not_made(self, number: int, error: ActorDiedError) -> ReplicaReport:
        """What a server would say that its process could not make."""
        return ReplicaReport(
            state=ReplicaState.FAILED,
            pid=None,
            config_digest=config_digest(encode(self._config_of(number))),
            # The lines before say where.
            complaint=str(error).strip().splitlines()[-1].strip(),
        )

    def _forget_gone(self) -> None:
        for number, hand in tuple(self._hands.items()):
            if hand.leaving is None or not ray.wait([hand.leaving], timeout=0)[0]:
                continue
            try:
                ray.get(hand.leaving)
            except RayError as error:
                # Killed while it drained: Ray starts it again, and it must not stay.
                _LOG.debug("%s was lost while it drained: %s", self._name(number), error)
            self.end(number)

    def _name(self, number: int) -> str:
        return actor_name(self._options, number)
