// One session: its network as a bar of blocks, its history, why it runs what it runs, and what others would cost.

import { Chart } from "./charts.js";
import { bandwidth, element, percent, quantity, setText } from "./format.js";
import { placement } from "./sessions.js";

const TOPICS = {
  choice: "What runs where",
  cost: "What it costs",
  level: "What has to be kept",
  alternatives: "What else there was",
  link: "When it would change",
  baselines: "Beside others",
};

// What a policy that plans with a model of its own believes of the same choice.
function promise(promised) {
  if (promised === null) return [];
  return [["policy's model", `promises ${quantity(promised.energy_j, "J")} in ${quantity(promised.latency_s, "s")}`]];
}

export class SessionPanel {
  constructor() {
    const parent = document.getElementById("session-charts");
    const predicted = { name: "predicted", className: "predicted" };
    const due = { name: "due", className: "bound" };
    this.energy = new Chart(parent, {
      title: "Joules per request, estimated", show: (value) => quantity(value, "J"), lines: [predicted],
    });
    this.latency = new Chart(parent, {
      title: "Seconds of a request, estimated", show: (value) => quantity(value, "s"), lines: [predicted, due],
    });
    this.explained = "";
  }

  show(session, history) {
    document.getElementById("session").hidden = session === undefined;
    if (session === undefined) return;
    setText(document.getElementById("session-title"), `${session.session}: ${placement(session)}`);
    const { predicted, level, link } = session;
    // The edge's own answers never come by here.
    const empty = session.server_clock === null ? "on the edge" : "nothing yet";
    const { rows } = history;
    this.energy.draw(rows.map(([time, energy]) => [time, energy]), [predicted.energy_j], empty);
    this.latency.draw(rows.map(([time, , latency]) => [time, latency]), [predicted.latency_s, level.latency_s], empty);
    this.facts([
      ["uplink", `${bandwidth(link.uplink_bps)} (${link.figures})`],
      ["downlink", `${bandwidth(link.downlink_bps)} (${link.figures})`],
      ["round trip", `${quantity(link.rtt_s, "s")} ± ${quantity(link.latency_std_s, "s")}`],
      ["samples", String(link.samples)],
      ["deadline", level.latency_s === null ? "none" : `${quantity(level.latency_s, "s")}${level.quantile === null ? "" : ` for ${percent(level.quantile)} of requests`}`],
      ["rate", level.rate_hz === null ? "as they come" : `${level.rate_hz} /s`],
      ["accuracy", `may lose ${percent(level.max_accuracy_loss)}`],
      ["weights", `edge ${session.objective.edge_weight}, server ${session.objective.server_weight}`],
      ...promise(predicted.promised),
      ["profiles", `edge ${predicted.profiles[0]}, server ${predicted.profiles[1]}`],
    ]);
    this.explain(session);
  }

  facts(terms) {
    const list = document.getElementById("link");
    if (list.children.length !== 2 * terms.length) {
      list.replaceChildren(...terms.flatMap(() => [element("dt"), element("dd")]));
    }
    terms.forEach(([term, text], index) => {
      setText(list.children[2 * index], term);
      setText(list.children[2 * index + 1], text);
    });
  }

  // Asks once for each plan, not each second.
  async explain(session) {
    const key = `${session.session} ${session.epoch} ${session.policy} ${session.in_force}`;
    if (key === this.explained) return;
    this.explained = key;
    try {
      const reply = await fetch(`api/sessions/${encodeURIComponent(session.session)}/explain`);
      if (reply.status === 500) {
        // It would fail again with the next second.
        this.refused("This could not be explained; the server's log says why.");
        return;
      }
      const found = await reply.json();
      if (this.explained !== key) return;
      if (!reply.ok) {
        this.refused(found.error);
        return;
      }
      this.bar(found, session);
      this.reasons(found.reasons);
      this.baselines(found.baselines, session);
    } catch {
      // The page says that the connection is lost; ask again with the next second.
      if (this.explained === key) this.explained = "";
    }
  }

  refused(message) {
    document.getElementById("plan-bar").replaceChildren();
    document.getElementById("baselines").replaceChildren();
    document.getElementById("why").replaceChildren(element("p", { text: message }));
  }

  bar(found, session) {
    const cut = session.server_clock === null ? found.blocks.length : found.cut ?? 0;
    const bar = element("div", { className: "bar" });
    bar.setAttribute("role", "img");
    bar.setAttribute("aria-label", `${cut} of ${found.blocks.length} blocks on the edge, the rest on the server`);
    found.blocks.forEach((block, index) => {
      if (index === cut) bar.append(element("span", { className: "cut" }));
      const part = element("span", { className: index < cut ? "edge" : "server" });
      part.style.flexGrow = String(Math.max(block.work_share, 0.004));
      part.title = `${block.name}: ${percent(block.work_share)} of the work`;
      bar.append(part);
    });
    const done = found.blocks.slice(0, cut).reduce((sum, block) => sum + block.work_share, 0);
    const rest = found.blocks.slice(cut).reduce((sum, block) => sum + block.work_share, 0);
    const sides = element("div", { className: "sides", children: [
      element("span", { className: "edge", text: `edge: ${cut} blocks, ${percent(done)} of the arithmetic` }),
      element("span", { className: "server", text: `server: ${found.blocks.length - cut} blocks, ${percent(rest)}` }),
    ] });
    document.getElementById("plan-bar").replaceChildren(bar, sides);
  }

  reasons(found) {
    const made = [];
    let topic = "";
    for (const reason of found) {
      if (reason.topic !== topic) made.push(element("h4", { text: TOPICS[reason.topic] ?? reason.topic }));
      topic = reason.topic;
      made.push(element("p", { text: reason.text }));
    }
    document.getElementById("why").replaceChildren(...made);
  }

  baselines(found, session) {
    const parent = document.getElementById("baselines");
    if (found === null || found.rivals.length === 0) {
      parent.replaceChildren(element("p", { className: "quiet", text: found?.left_out ?? "not worked out" }));
      return;
    }
    const head = ["policy", "J per request", "saved"].map((text, index) => {
      const cell = element("th", { text, className: index ? "number" : "" });
      cell.scope = "col";
      return cell;
    });
    const rows = found.rivals.map((rival) => {
      const saved = rival.saved_share;
      const name = element("td", { children: [element("span", { text: rival.name })] });
      name.title = rival.source;
      if (!rival.kept) name.append(element("span", { className: "kind bad", text: "breaks a bound" }));
      const color = saved === null || Math.abs(saved) < 1e-6 ? "" : saved > 0 ? "good" : "bad";
      return element("tr", { children: [
        name,
        element("td", { className: "number", text: quantity(rival.energy_j, "J") }),
        element("td", { className: `number ${color}`, text: saved === null ? "" : percent(Math.abs(saved) < 1e-6 ? 0 : saved) }),
      ] });
    });
    const table = element("table", { children: [
      element("thead", { children: [element("tr", { children: head })] }), element("tbody", { children: rows }),
    ] });
    const note = `Predicted on this session's own problem; this plan: ${quantity(session.predicted.energy_j, "J")}. ${found.left_out}`;
    parent.replaceChildren(table, element("p", { className: "quiet", text: note }));
  }
}
