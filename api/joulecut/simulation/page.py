"""A simulation as one self-contained HTML page that explains itself; images are inline, nothing is loaded."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence

from joulecut.simulation.rows import Simulation
from joulecut.simulation.views import View, about, answers_views, energy_views

_STYLE = """
body { font: 15px/1.55 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
.scroll { overflow-x: auto; } img { max-width: 100%; } figure { margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.8rem; font-variant-numeric: tabular-nums; margin: 0.6rem 0 1.2rem; }
th, td { padding: 0.3rem 0.6rem; text-align: right; border-bottom: 1px solid #dde3ea; vertical-align: top; }
th:first-child, td:first-child { text-align: left; }
"""
_LEAD = (
    "A server in virtual time answers the requests of a trace under each policy. Time jumps from event to event; the "
    "policies are the objects that the live server runs, the device is its service table. Nothing here was measured "
    "while it ran: seconds and joules follow from the table's."
)
_WORDS = (
    "On time: answered by the deadline. Late: answered behind it. Rejected: turned away. Missed: late or rejected.",
    (
        "Energy is of the whole run, from time 0 until the last answer. Busy: while batches run. Idle: what the device "
        "draws between them, at the clock held. Switching: while clocks change. Without idle: busy and switching."
    ),
    "Response times are from a request's arrival at the server to its answer. Batch: requests in a mean batch.",
    "Decision: host seconds a policy took to decide, of the machine that simulated.",
)


def render_page(simulation: Simulation, images: Mapping[str, bytes]) -> str:
    """The whole page. `images`: PNG by name, as `plots` names them."""
    title = f"Serving {simulation.table.network} on {simulation.table.device}"
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{html.escape(title)}</h1><p>{html.escape(_LEAD)}</p>",
        "<h2>What it rests on</h2>",
        _list(about(simulation)),
        "<h2>Words</h2>",
        _list(_WORDS),
        "<h2>All loads</h2>",
        _figure(images, "overview", "Energy and misses of every policy (runs.csv)."),
    ]
    for number, (answers, energy) in enumerate(
        zip(answers_views(simulation), energy_views(simulation), strict=True), start=1
    ):
        caption = "Load, batch, clock, precision and power over time (timeline.csv)."
        parts += [f"<h2>{html.escape(answers.title)}</h2>", _view(answers), _view(energy)]
        parts.append(_figure(images, f"timeline-{number}", caption))
    parts.append("</body></html>\n")
    return "".join(parts)


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{html.escape(line)}</li>' for line in lines)}</ul>"


def _figure(images: Mapping[str, bytes], name: str, caption: str) -> str:
    if name not in images:
        return ""
    data = base64.b64encode(images[name]).decode("ascii")
    return (
        f"<figure><img alt='{html.escape(caption)}' src='data:image/png;base64,{data}'>"
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _view(view: View) -> str:
    head = "".join(f"<th>{html.escape(column)}</th>" for column in view.columns)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in view.rows)
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
