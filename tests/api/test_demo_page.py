"""The demo's page: everything on it, nothing from anywhere else."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from joulecut.demo.page import render_page
from joulecut_planner import Policy
from tests.api.demo_samples import EVERY_POLICY, INFEASIBLE_ROW, SPLIT_ROW, objective_result, policy_result

STORY = "A camera <sees> & waits"
SENTENCE = "It saves 20 %."


class Reader(HTMLParser):
    """What a browser would load, show and run."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.rows: list[list[str]] = []
        self.text: list[str] = []
        self.scripts = 0
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [value for name, value in attrs if name in ("src", "href", "data", "poster") and value]
        self.scripts += tag == "script"
        if tag == "tr":
            self.rows.append([])
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "script" in self.open or "style" in self.open:
            return
        self.text.append(data)
        if self.open and self.open[-1] == "td":
            self.rows[-1].append(data)


@pytest.fixture(scope="module")
def page() -> str:
    """A page of two objectives."""
    other = objective_result(policy_result("governor", cut=4), policy_result("joint"), objective="battery")
    return render_page([EVERY_POLICY, other], [SPLIT_ROW, INFEASIBLE_ROW], story=STORY, sentences=[SENTENCE])


@pytest.fixture(scope="module")
def reader(page: str) -> Reader:
    """The page, read."""
    found = Reader()
    found.feed(page)
    found.close()
    return found


def test_it_loads_nothing(page: str, reader: Reader) -> None:
    """Script and styles are inside, once: the page is read without a network."""
    assert reader.loads == []
    assert "@import" not in page
    assert "url(http" not in page.replace(" ", "")
    assert 'src="http' not in page.replace("'", '"')
    # The library itself, not a reference to it, and not a second time for the second picture.
    assert 3_000_000 < len(page) < 8_000_000
    assert reader.open == []


def test_it_shows_every_policy(reader: Reader) -> None:
    """A row for each policy of each objective and for each bandwidth, as on the terminal."""
    names = [row[0] for row in reader.rows if row]
    assert names == [*(policy.value for policy in Policy), "governor", "joint", "battery", "battery"]
    assert next(row for row in reader.rows if row and row[0] == "joint")[1] == "2 middle"


def test_every_policy_is_in_the_picture(page: str) -> None:
    """Each name stands at a point of the figure, alone or with those of the same configuration."""
    figure = page[page.index("Plotly.newPlot(") :]
    figure = figure[: figure.index("</script>")]
    assert all(policy.value in figure for policy in Policy)
    assert "deadline" in figure


def test_texts_are_escaped(page: str, reader: Reader) -> None:
    """The story and the sentence stand on the page as they are."""
    text = " ".join(reader.text)
    assert STORY in text
    assert SENTENCE in text
    assert "A camera &lt;sees&gt; &amp; waits" in page
