"""Studies that are remembered."""

from __future__ import annotations

from concurrent.futures import Future

from joulecut_server.dashboard.studies import MOST_KEPT, Results


def test_a_study_that_is_forgotten_still_comes_to_whoever_waits() -> None:
    """Further plans push it out of what is kept, not out of its reader's hands; asked for again, it begins anew."""
    results: Results[int, str] = Results()
    awaited = results.begun(0, Future)
    for key in range(1, MOST_KEPT + 1):
        results.begun(key, Future)
    assert results.get(0) is None
    awaited.set_result("why")
    assert awaited.result(0.0) == "why"
    assert results.begun(0, Future) is not awaited
