"""Policies for tests of what drives policies: one that runs all that waits, and one that obeys a draw."""

from __future__ import annotations

import random

from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import BatchOutcome, Launch, QueuedRequest, Rejection, RejectReason, Rest, ServerView


class Eager:
    """Runs all that waits, up to the largest batch, at once: one variant, one clock for each unit, no rejections."""

    name = "eager"

    def __init__(self, table: ServiceTable, *, points: tuple[int, ...] | None = None, joins: bool = False) -> None:
        self.table = table
        self.points = points or (len(table.points) - 1,) * len(table.units)
        self.joins = joins
        self.outcomes: list[BatchOutcome] = []

    def arrived(self, request: QueuedRequest) -> None:
        del request

    def decide(self, view: ServerView) -> Launch | Rest:
        batch = min(len(view.waiting), self.table.batches[-1])
        return Launch(batch, 0, self.points) if batch else Rest(view.point)

    def join(self, view: ServerView, unit: int, batch: int) -> int:
        del batch
        return sum(request.entry == unit for request in view.waiting) if self.joins else 0

    def completed(self, outcome: BatchOutcome) -> None:
        self.outcomes.append(outcome)


class Drawn(Eager):
    """Does anything that is allowed, by a seed: waits, rejects, picks ids, variants and clocks."""

    name = "drawn"

    def __init__(self, table: ServiceTable, seed: int) -> None:
        super().__init__(table, joins=True)
        self.rng = random.Random(seed)  # noqa: S311 - a test's choice

    def decide(self, view: ServerView) -> Launch | Rest:
        rng, waiting = self.rng, list(view.waiting)
        rejected = []
        if waiting and rng.random() < 0.1:
            rejected = [Rejection(waiting.pop(rng.randrange(len(waiting))).id, RejectReason.OVERLOAD)]
        if not waiting or rng.random() < 0.3:
            until_s = view.now_s + rng.uniform(1e-4, 1e-2) if waiting else None
            return Rest(rng.randrange(len(self.table.points)), until_s, tuple(rejected))
        batch = rng.randint(1, min(len(waiting), self.table.batches[-1]))
        ids = tuple(request.id for request in rng.sample(waiting, batch)) if rng.random() < 0.5 or rejected else ()
        points = tuple(rng.randrange(len(self.table.points)) for _ in self.table.units)
        return Launch(batch, rng.randrange(len(self.table.variants)), points, ids, tuple(rejected))
