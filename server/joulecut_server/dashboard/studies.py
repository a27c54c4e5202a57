"""Comparisons and explanations of plans: worked out once each, one at a time, in a thread of their own."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Generic, TypeVar

from joulecut_core.timing import Clock
from joulecut_server.dashboard.comparison import Comparison, compare
from joulecut_server.dashboard.deciding import Study, study
from joulecut_server.dashboard.kept_plans import KeptPlan, ShownPlan

K = TypeVar("K")
V = TypeVar("V")

MOST_KEPT = 256


class Results(Generic[K, V]):
    """Futures by what they are of, the longest unused forgotten."""

    def __init__(self) -> None:
        self._futures: OrderedDict[K, Future[V]] = OrderedDict()

    def get(self, key: K) -> Future[V] | None:
        """The future of `key`, where it is kept."""
        return self._futures.get(key)

    def begun(self, key: K, begin: Callable[[], Future[V]]) -> Future[V]:
        """The future of `key`, begun where there is none; one that has failed would fail again."""
        future = self._futures.get(key)
        if future is None:
            future = self._futures[key] = begin()
        self._futures.move_to_end(key)
        while len(self._futures) > MOST_KEPT:
            # Not cancelled: somebody may wait for it.
            self._futures.popitem(last=False)
        return future


class Studies:
    """What takes the planner a while. Safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        """`clock`: the machine's."""
        self._clock = clock
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dashboard-study")
        self._comparisons: Results[tuple[int, int | None], Comparison] = Results()
        self._explanations: Results[int, Study] = Results()

    def comparison(self, shown: ShownPlan) -> Future[Comparison]:
        """A shown plan beside the baselines; begun now where it has not been."""
        kept, plan = shown.kept, shown.plan
        return self._begun(self._comparisons, (kept.number, shown.epoch), partial(compare, kept, plan, self._clock))

    def explanation(self, kept: KeptPlan) -> Future[Study]:
        """Why the best plan of a kept problem is the best; begun now where it has not been."""
        return self._begun(self._explanations, kept.number, partial(study, kept.problem))

    def compared(self, shown: ShownPlan) -> Comparison | None:
        """The comparison, where it is there already."""
        with self._lock:
            future = self._comparisons.get((shown.kept.number, shown.epoch))
        if future is None or not future.done() or future.cancelled() or future.exception() is not None:
            return None
        return future.result()

    def close(self) -> None:
        """Begin nothing more; what is under way is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _begun(self, results: Results[K, V], key: K, work: Callable[[], V]) -> Future[V]:
        with self._lock:
            return results.begun(key, lambda: self._thread.submit(work))
