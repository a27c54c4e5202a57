// The table of sessions. Rows are changed in place, so that focus and selection stay where they are.

import { NOTHING, clock, count, element, percent, quantity, setText } from "./format.js";

const NONE = "None: an edge appears here once it has asked for a plan.";
const LABELS = ["Session", "Runs", "Clocks", "Joules per request", "Seconds, and when due", "Saves", "Answered"];

export function placement(session) {
  if (session.cut === null) return "nothing: no choice keeps the level";
  if (session.server_clock === null) return "all on the edge";
  if (session.cut === 0) return "all on the server";
  return `edge to ${session.cut_name} (${session.cut} of ${session.last_cut}), then server`;
}

function savings(session) {
  if (session.savings === null) return ["being worked out"];
  const named = ["all-edge", "all-server", "governor"].map((name) => session.savings.find((each) => each.name === name));
  return named
    .filter((each) => each !== undefined && each.saved_share !== null)
    .map((each) => saving(each));
}

function saving({ name, kept, saved_share: share }) {
  const remark = kept ? "" : " (breaks a bound)";
  if (Math.abs(share) < 1e-6) return `the same as ${name}${remark}`;
  return share > 0 ? `${percent(share)} of ${name}${remark}` : `costs ${percent(-share)} more than ${name}${remark}`;
}

function state(session) {
  const under = session.epoch === null ? "no epoch" : `epoch ${session.epoch}`;
  const how = session.in_force ? under : `${under}, not in force yet`;
  return session.feasible ? how : `${how}; breaks a bound`;
}

// For each column what is said, the first line first.
function lines(session) {
  const { predicted, estimated, level, served } = session;
  return [
    [session.network, state(session)],
    [placement(session), session.server_clock === null || !session.codec ? session.policy : `${session.policy}, ${session.codec}`],
    [
      `edge ${session.edge_clock === null ? "as its governor sets" : clock(session.edge_clock)}`,
      `server ${session.server_clock === null ? NOTHING : clock(session.server_clock)}`,
    ],
    [
      estimated.energy_j === null ? `${quantity(predicted.energy_j, "J")} predicted` : `${quantity(estimated.energy_j, "J")} estimated`,
      estimated.energy_j === null ? "" : `${quantity(predicted.energy_j, "J")} predicted`,
      predicted.promised === null ? "" : `${quantity(predicted.promised.energy_j, "J")} promised by the policy's own model`,
    ],
    [
      estimated.latency_s === null ? `${quantity(predicted.latency_s, "s")} predicted` : `${quantity(estimated.latency_s, "s")} estimated`,
      level.latency_s === null ? "no deadline" : `due within ${quantity(level.latency_s, "s")}`,
    ],
    savings(session),
    [`${count(served.answered)} here`, served.refused ? `${count(served.refused)} refused` : ""],
  ];
}

export class SessionTable {
  constructor(choose) {
    this.choose = choose;
    this.rows = new Map();
    this.body = document.getElementById("sessions-rows");
  }

  show(state, chosen) {
    const { sessions, totals } = state;
    document.getElementById("sessions-table").hidden = sessions.length === 0;
    const note = document.getElementById("sessions-note");
    note.hidden = sessions.length > 0 && sessions.length >= totals.sessions;
    setText(note, totals.sessions > sessions.length ? `${sessions.length} of ${totals.sessions} are shown, the latest to plan.` : NONE);
    const names = new Set(sessions.map((session) => session.session));
    for (const [name, row] of this.rows) {
      if (names.has(name)) continue;
      row.remove();
      this.rows.delete(name);
    }
    sessions.forEach((session, index) => {
      const row = this.rows.get(session.session) ?? this.made(session.session);
      if (this.body.children[index] !== row) this.body.insertBefore(row, this.body.children[index] ?? null);
      row.className = session.session === chosen ? "chosen" : "";
      row.querySelector("button").setAttribute("aria-pressed", String(session.session === chosen));
      lines(session).forEach((texts, column) => this.fill(row.children[column], texts));
    });
  }

  made(name) {
    const cells = LABELS.map((label) => element("td", { label }));
    const button = element("button", { text: name });
    button.type = "button";
    button.addEventListener("click", () => this.choose(name));
    cells[0].append(button);
    const row = element("tr", { children: cells });
    this.rows.set(name, row);
    return row;
  }

  fill(cell, texts) {
    const kept = [...cell.children].filter((child) => child.tagName !== "BUTTON");
    while (kept.length > texts.length) kept.pop().remove();
    texts.forEach((text, index) => {
      let line = kept[index];
      if (line === undefined) {
        line = element("div");
        cell.append(line);
      }
      line.className = index > 0 || cell.querySelector("button") ? "quiet" : "";
      setText(line, text);
    });
  }
}
