"""A page as a browser would take it: what it loads, shows and runs."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = frozenset({"meta", "br", "img"})
_LOADING = frozenset({"src", "href", "data", "poster", "srcset", "action"})


class PageReader(HTMLParser):
    """Fails where tags are not closed in order. `rows`: the texts of each table row's cells."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.rows: list[list[str]] = []
        self.text: list[str] = []
        self.scripts = 0
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag loads, and that it is open."""
        self.loads += [value for name, value in attrs if name in _LOADING and value and not value.startswith("data:")]
        self.scripts += tag == "script"
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close what was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep what is shown."""
        if "script" in self.open or "style" in self.open:
            return
        self.text.append(data)
        if "td" in self.open:
            self.rows[-1][-1] += data


def read_page(page: str) -> PageReader:
    """The page, read to its end."""
    reader = PageReader()
    reader.feed(page)
    reader.close()
    return reader
