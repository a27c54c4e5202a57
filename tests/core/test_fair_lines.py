"""Whose piece is next: by the seconds that each has had, and by arrival where that is as much."""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_core.fair_lines import FairLines


@dataclass(frozen=True, eq=False)
class Piece:
    """Work of somebody."""

    who: str
    seconds: float


def served(lines: FairLines[Piece], count: int) -> list[str]:
    """Whose the next ones are, each of which takes its seconds."""
    order = []
    for _ in range(count):
        piece = lines.next()
        assert piece is not None
        lines.leave(lines.of(piece.who), piece)
        lines.charge(lines.of(piece.who), piece.seconds)
        order.append(piece.who)
    return order


def add(lines: FairLines[Piece], who: str, seconds: float, count: int = 1) -> None:
    for _ in range(count):
        lines.enter(lines.of(who), Piece(who, seconds))


def test_seconds_count_and_not_pieces() -> None:
    """Who has short work is served often beside somebody with long work, and nobody saves up turns while away."""
    lines = FairLines[Piece]()
    add(lines, "long", 10.0, 3)
    add(lines, "short", 1.0, 20)
    assert served(lines, 13) == ["long", *["short"] * 10, "long", "short"]
    add(lines, "late", 5.0, 9)
    assert served(lines, 5).count("late") == 1


def test_who_has_had_as_much_goes_by_arrival() -> None:
    """On a device with time left for all nobody is put last for his name; of two that flood each is next in turn."""
    lines = FairLines[Piece]()
    for names in (["a", "b", "c"], ["c", "a", "b"], ["b", "c", "a"]):
        for name in names:
            add(lines, name, 1.0)
        assert served(lines, 3) == names
    add(lines, "a", 0.0, 2)
    add(lines, "b", 0.0, 2)
    assert served(lines, 4) == ["a", "b", "a", "b"]
    assert lines.next() is None


def test_who_waits_keeps_its_turn_however_much_it_adds() -> None:
    """A line's place is that of its first piece."""
    lines = FairLines[Piece]()
    for name in ("a", "b", "a"):
        add(lines, name, 1.0)
    assert served(lines, 3) == ["a", "b", "a"]


def test_what_has_left_counts_no_more() -> None:
    """Neither pieces that were given up while they waited nor those that have ended take a place, or memory."""
    lines = FairLines[Piece]()
    pieces = [Piece("much", 1.0) for _ in range(5)]
    for piece in pieces:
        lines.enter(lines.of("much"), piece)
    assert lines.next() is pieces[0]
    for piece in pieces:
        lines.leave(lines.of("much"), piece)
    assert lines.next() is None
    add(lines, "much", 1.0)
    add(lines, "some", 1.0, 3)
    assert lines.crowded(lines.of("new")) is lines.of("some")
    for number in range(5000):
        add(lines, str(number), 1.0)
        lines.leave(lines.of(str(number)), lines.of(str(number)).waiting[0])
    assert len(lines) <= 1026


def test_who_gives_up_a_place() -> None:
    """Whoever has most under way, what runs counted, and only for one who has fewer even with the one that he wants."""
    lines = FairLines[Piece]()
    add(lines, "much", 1.0, 3)
    add(lines, "some", 1.0, 2)
    lines.next()
    assert lines.crowded(lines.of("new")) is lines.of("much")
    assert lines.crowded(lines.of("some")) is None


def test_those_who_owe_least_are_forgotten_first() -> None:
    """Strangers take bounded memory, and cannot have the debt of whoever had the most forgotten."""
    lines = FairLines[Piece]()
    lines.charge(lines.of("flood"), 100.0)
    add(lines, "busy", 1.0)
    busy = lines.of("busy")
    for number in range(5000):
        lines.charge(lines.of(number), 1.0)
    assert lines.of("flood").finish_s == 100.0
    assert lines.of("busy") is busy
    assert len(lines) <= 1025


def test_asking_for_a_known_line_forgets_nobody() -> None:
    """A full book is cleared for somebody new alone: whoever has a line keeps what it has had."""
    lines = FairLines[Piece]()
    known = [lines.of(number) for number in range(1024)]
    for line in known:
        lines.charge(line, 1.0)
    assert all(lines.of(number) is line for number, line in enumerate(known))
    lines.of("new")
    assert len(lines) == 513


def test_where_nobody_waits_nobody_gives_up_a_place() -> None:
    """All places are taken by what runs."""
    lines = FairLines[Piece]()
    assert lines.crowded(lines.of("new")) is None
