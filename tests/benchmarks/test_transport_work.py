"""What the count of the stream's own work measures and writes."""

from __future__ import annotations

from benchmarks.transport_work import Work, document, measured


def test_requests_are_answered_in_memory() -> None:
    """Of every size; a bare message is cheaper than a request."""
    works = measured(rounds=2)
    assert [each.size_bytes for each in works] == [16, 100_000, 1 << 20, 16 << 20]
    assert all(each.stream_s > each.queues_s > 0 for each in works)


def test_the_page_takes_the_queues_off() -> None:
    """Microseconds, and what is left once the bare messages are gone."""
    page = document([Work(size_bytes=1 << 20, stream_s=125.0e-6, queues_s=9.5e-6)], rounds=7, load=1.0)
    assert "| 1,048,576 | 125.0 | 9.5 | 115.5 |" in page
    assert "7 rounds" in page
