"""Cuts, blocks and places of a network as tables and as a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from joulecut.commands.whole_tables import print_whole
from joulecut.cuts.bars import Bar
from joulecut.cuts.places import Place, Verdict, count_verdicts, offers_jpeg
from joulecut.reports.charts import Axis, Bars, Chart, Line, Panel
from joulecut.reports.palette import series_colour
from joulecut_core.networks import Block, CutTable, TensorSpec

_MOST_KINDS = 3
_MOST_CROSSING = 2
_LARGE_FLOPS = 1e8
_BAR_CELLS = 12
_SHARE_CELLS = 8
_VERDICTS = {
    Verdict.CANDIDATE: "candidates",
    Verdict.DEARER: "legal, but a candidate beside them sends no more",
    Verdict.CROWDED: "legal, but beyond the most candidates",
    Verdict.SHARED: "not legal (a tensor would cross that shares its memory)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CutFacts:
    """All that is shown of a network. `sizes`: for each cut, bytes by codec; `places`: between all operators."""

    table: CutTable
    sizes: tuple[Mapping[str, int], ...]
    places: tuple[Place, ...]

    @property
    def work_shares(self) -> tuple[float, ...]:
        """Of the floating-point operations, the part before each cut, 0 to 1."""
        total = sum(block.flops for block in self.table.blocks)
        shares, done = [0.0], 0.0
        for block in self.table.blocks:
            done += block.flops
            shares.append(done / total if total else 0.0)
        return tuple(shares)


def print_cuts(facts: CutFacts, console: Console, *, all_places: bool) -> None:
    """Cuts with what lies before and what crosses, the blocks between them, and what became of other places."""
    print_whole(console, _cuts(facts))
    print_whole(console, _blocks(facts))
    if all_places:
        print_whole(console, _places(facts))
    console.print(_counted(facts.places), soft_wrap=True, highlight=False)
    if offers_jpeg(facts.table):
        console.print("pictures: JPEG at cut 0 depends on the picture; `joulecut profile --wires-out` measures it")


def _counted(found: tuple[Place, ...]) -> str:
    """How many places there are, and of each kind that there is."""
    counts = count_verdicts(found)
    kinds = [f"{counts[verdict]} {words}" for verdict, words in _VERDICTS.items() if counts[verdict]]
    return f"{len(found)} places between operators: {'; '.join(kinds)}"


def cuts_chart(facts: CutFacts) -> Chart:
    """Work before each cut, and bytes that cross there without a codec and in the densest one."""
    places = tuple(float(cut.index) for cut in facts.table.cuts)
    named = tuple((float(cut.index), str(cut.index)) for cut in facts.table.cuts)
    crossing = places[:-1]
    raw = tuple(cut.size_bytes / 1e3 for cut in facts.table.cuts[:-1])
    least = tuple(min(sizes.values()) / 1e3 for sizes in facts.sizes[:-1])
    notes = tuple(cut.name for cut in facts.table.cuts[:-1])
    return Chart(
        name="cuts",
        title=f"{facts.table.network}: where it can be cut",
        caption="Counted from the network's shapes; nothing was run.",
        shared_x=True,
        panels=(
            Panel(
                x=Axis(label="cut", ticks=named),
                y=Axis(label="kB that cross", log=True, from_zero=False),
                layers=(
                    Bars(name="without a codec", places=crossing, values=raw, colour=series_colour(0), notes=notes),
                    Line(name="in the densest codec", x=crossing, y=least, colour=series_colour(1), dots=True),
                ),
            ),
            Panel(
                x=Axis(label="cut (0: all on the server, last: all on the edge)", ticks=named),
                y=Axis(label="% of operations before"),
                layers=(
                    Bars(
                        name="on the edge",
                        places=places,
                        values=tuple(100.0 * share for share in facts.work_shares),
                        colour=series_colour(2),
                    ),
                ),
                height=220,
            ),
        ),
    )


def _cuts(facts: CutFacts) -> Table:
    table = facts.table
    total_flops = sum(block.flops for block in table.blocks)
    title = f"{escape(table.network)}: {_work(total_flops)}, {len(table.cuts)} cuts; work before, kB that cross"
    rendered = _table(title, ("cut", ">"), ("after", "<"), ("before", ">"), ("", "<"), ("kB raw", ">"))
    rendered.add_column("", no_wrap=True, min_width=_BAR_CELLS)
    codecs = [name for name in dict.fromkeys(name for sizes in facts.sizes for name in sizes) if name != "raw"]
    for name in codecs:
        rendered.add_column(f"{name}", justify="right", no_wrap=True)
    rendered.add_column("crossing", no_wrap=True, overflow="ellipsis")
    most_bytes = max(cut.size_bytes for cut in table.cuts) or 1
    for cut, sizes, share in zip(table.cuts, facts.sizes, facts.work_shares, strict=True):
        rendered.add_row(
            str(cut.index),
            escape(cut.name),
            f"{100 * share:.1f} %",
            Bar(share=share, cells=_SHARE_CELLS),
            _short_number(cut.size_bytes / 1e3),
            Bar(share=cut.size_bytes / most_bytes, cells=_BAR_CELLS),
            *(_short_number(sizes[name] / 1e3) if name in sizes else "" for name in codecs),
            escape(_crossing(cut.tensors)),
        )
    return rendered


def _blocks(facts: CutFacts) -> Table:
    rendered = _table(
        "blocks",
        ("block", "<"),
        ("between cuts", ">"),
        ("% of FLOPs", ">"),
        ("", "<"),
        ("MFLOP", ">"),
        ("MB moved", ">"),
    )
    rendered.add_column("operations")
    total_flops = sum(block.flops for block in facts.table.blocks) or 1.0
    for block in facts.table.blocks:
        share = block.flops / total_flops
        rendered.add_row(
            escape(block.name),
            f"{block.index} - {block.index + 1}",
            f"{100 * share:.1f}",
            Bar(share=share, cells=_SHARE_CELLS),
            _short_number(block.flops / 1e6),
            _short_number(block.size_bytes / 1e6),
            _kinds(block),
        )
    return rendered


def _places(facts: CutFacts) -> Table:
    rendered = _table("every place", ("after", ">"), ("operator", "<"), ("module", "<"), ("kB crossing", ">"))
    rendered.add_column("verdict")
    for place in facts.places:
        rendered.add_row(
            str(place.position),
            escape(place.operator),
            escape(place.module),
            _short_number(place.size_bytes / 1e3),
            _verdict(place),
        )
    return rendered


def _verdict(place: Place) -> str:
    if place.verdict is Verdict.CANDIDATE:
        return f"[bold]cut {place.cut}[/bold]"
    return f"{place.verdict.value} than cut {place.cut}" if place.verdict is Verdict.DEARER else place.verdict.value


def _table(title: str, *columns: tuple[str, str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for header, side in columns:
        table.add_column(header, justify="right" if side == ">" else "left", no_wrap=True)
    return table


def _work(flops: float) -> str:
    return f"{flops / 1e9:.2f} GFLOP" if flops >= _LARGE_FLOPS else f"{flops / 1e6:.2f} MFLOP"


def _short_number(value: float) -> str:
    """One place, and of what is small two digits: a network of a few kB has rows that differ."""
    return f"{value:.2g}" if 0.0001 <= value < 0.95 else f"{value:.1f}"


def _crossing(tensors: Sequence[TensorSpec]) -> str:
    shown = ", ".join(_short(spec) for spec in tensors[:_MOST_CROSSING]) or "nothing"
    return f"{shown}, {len(tensors) - _MOST_CROSSING} more" if len(tensors) > _MOST_CROSSING else shown


def _short(spec: TensorSpec) -> str:
    """As `--input` takes it."""
    dtype = spec.dtype.replace("uint", "u").replace("bfloat", "bf").replace("float", "f").replace("int", "i")
    return f"{dtype}:{'x'.join(map(str, spec.shape))}"


def _kinds(block: Block) -> str:
    counts = Counter(operation.kind.value for operation in block.operations if operation.size_bytes)
    shown = [f"{count} {kind}" for kind, count in counts.most_common(_MOST_KINDS)]
    rest = sum(counts.values()) - sum(count for _, count in counts.most_common(_MOST_KINDS))
    return ", ".join([*shown, f"{rest} other"] if rest else shown)
