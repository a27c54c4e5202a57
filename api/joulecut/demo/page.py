"""The demo's result as one self-contained HTML page: the energy-latency picture of all policies, and the tables."""

from __future__ import annotations

import html
from collections.abc import Sequence

import plotly.graph_objects as go

from joulecut.demo.results import ObjectiveResult, PolicyResult, SweepRow
from joulecut.demo.tables import POLICY_COLUMNS, SWEEP_COLUMNS, policy_row, sweep_row

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.8rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.5rem; text-align: right; border-bottom: 1px solid #dde3ea; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
tr.joint { font-weight: 600; background: #eaf6ee; }
"""
_KEEPS, _MISSES, _JOINT = "#4062bb", "#b0b7c0", "#1a7f4b"


def render_page(
    results: Sequence[ObjectiveResult], sweep: Sequence[SweepRow], *, story: str, sentences: Sequence[str]
) -> str:
    """The whole page, figures and script included; it needs no network to be read."""
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>joulecut demo</title><style>{_STYLE}</style></head><body>",
        "<h1>joulecut demo: one network on two devices</h1>",
        f"<p>{html.escape(story)}</p>",
    ]
    for index, result in enumerate(results):
        labels = ", ".join(f"{name}: {value}" for name, value in result.labels.items())
        parts.append(f"<h2>Objective: {html.escape(result.objective)}</h2><p>{html.escape(labels)}</p>")
        figure = _energy_latency(result)
        parts.append(figure.to_html(full_html=False, include_plotlyjs=index == 0, config={"responsive": True}))
        rows = [(policy_row(policy), policy.policy) for policy in result.policies]
        parts.append(_table(POLICY_COLUMNS, rows))
    parts.extend(f"<p><strong>{html.escape(sentence)}</strong></p>" for sentence in sentences)
    parts.append("<h2>The same pair at other bandwidths (planned, not run)</h2>")
    parts.append(_table(SWEEP_COLUMNS, [(sweep_row(row), "") for row in sweep]))
    parts.append("</body></html>")
    return "".join(parts)


def _energy_latency(result: ObjectiveResult) -> go.Figure:
    figure = go.Figure()
    for index, same in enumerate(_by_configuration(result)):
        policy = same[-1]
        metered = policy.metered
        tail_ms = (metered.latency_p99_s - metered.latency_p50_s) * 1e3
        figure.add_trace(
            go.Scatter(
                x=[metered.latency_p50_s * 1e3],
                y=[metered.energy_j * 1e3],
                error_x={"type": "data", "array": [tail_ms], "arrayminus": [0]},
                mode="markers+text",
                text=[", ".join(each.policy for each in same)],
                textposition="bottom center" if index % 2 else "top center",
                marker={"size": 13, "color": _colour(policy)},
            )
        )
    figure.add_vline(x=result.slo_s * 1e3, line_dash="dash", annotation_text="deadline")
    highest_mj = max(policy.metered.energy_j for policy in result.policies) * 1e3
    longest_ms = max(policy.metered.latency_p99_s for policy in result.policies) * 1e3
    figure.update_layout(
        xaxis_title="metered latency, median and 99th percentile, ms",
        yaxis_title=f"metered energy per request ({result.objective}), mJ",
        showlegend=False,
        height=440,
        margin={"l": 60, "r": 20, "t": 20, "b": 50},
        template="plotly_white",
    )
    figure.update_yaxes(range=[0, 1.15 * highest_mj])
    figure.update_xaxes(range=[0, 1.1 * longest_ms])
    return figure


def _by_configuration(result: ObjectiveResult) -> list[list[PolicyResult]]:
    """Policies that came to the same configuration share a point; fastest first."""
    groups: dict[tuple[object, ...], list[PolicyResult]] = {}
    for policy in result.policies:
        groups.setdefault((policy.cut, policy.codec, policy.edge_clock, policy.server_clock), []).append(policy)
    return sorted(groups.values(), key=lambda same: same[0].metered.latency_p50_s)


def _colour(policy: PolicyResult) -> str:
    if policy.policy == "joint":
        return _JOINT
    return _KEEPS if policy.keeps_slo else _MISSES


def _table(columns: Sequence[str], rows: Sequence[tuple[Sequence[str], str]]) -> str:
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    body = "".join(
        f"<tr class='{html.escape(kind)}'>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"
        for cells, kind in rows
    )
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
