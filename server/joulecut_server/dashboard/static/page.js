// Reads the history once and the state each second, and shows both. Nothing is ever sent but these questions.

import { DevicePanel } from "./device.js";
import { setText } from "./format.js";
import { SessionPanel } from "./session.js";
import { SessionTable } from "./sessions.js";

const LENGTH = 600;
const SILENCE_MS = 5000;
const AGAIN_MS = 2000;
const SESSION_COLUMNS = ["time_s", "energy_j", "latency_s"];

class Page {
  constructor() {
    this.device = new DevicePanel();
    this.panel = new SessionPanel();
    this.table = new SessionTable((name) => this.choose(name));
    this.deviceRows = null;
    this.sessionRows = new Map();
    this.state = null;
    this.chosen = null;
    this.heard = 0;
  }

  choose(name) {
    this.chosen = name;
    this.draw();
    document.getElementById("session").scrollIntoView({ block: "nearest" });
  }

  connection(kind, text) {
    const pill = document.getElementById("connection");
    setText(pill, text);
    pill.className = `pill ${kind}`;
    document.body.classList.toggle("stale", kind === "lost");
  }

  lost() {
    this.connection("lost", "connection lost");
  }

  // What was missed meanwhile is in the history; an older server's history is not this one's.
  async start() {
    try {
      const reply = await fetch("api/history");
      if (!reply.ok) throw new Error(String(reply.status));
      const history = await reply.json();
      this.deviceRows = history.device;
      this.sessionRows = new Map(Object.entries(history.sessions));
    } catch {
      this.lost();
      setTimeout(() => this.start(), AGAIN_MS);
      return;
    }
    this.heard = Date.now();
    const events = new EventSource("events");
    events.onmessage = (event) => this.told(JSON.parse(event.data));
    events.onerror = () => this.restart(events);
    const watching = setInterval(() => {
      if (events.readyState === EventSource.CLOSED) clearInterval(watching);
      else if (Date.now() - this.heard > SILENCE_MS) this.restart(events);
    }, 1000);
  }

  restart(events) {
    // Both an error and a long silence lead here.
    if (events.onerror === null) return;
    events.onerror = null;
    events.close();
    this.lost();
    setTimeout(() => this.start(), AGAIN_MS);
  }

  told(state) {
    this.heard = Date.now();
    this.connection("live", "live");
    const { device, totals } = state;
    const { rows } = this.deviceRows;
    if (rows.length === 0 || rows.at(-1)[0] < state.time_s) {
      rows.push([state.time_s, device.power_w, device.core_mhz, device.temperature_c, totals.requests_hz]);
      const told = new Map(Object.entries(state.rows));
      for (const name of [...this.sessionRows.keys()]) if (!told.has(name)) this.sessionRows.delete(name);
      for (const [name, row] of told) this.of(name).rows.push(row);
    }
    for (const each of [this.deviceRows, ...this.sessionRows.values()]) {
      if (each.rows.length > LENGTH) each.rows.splice(0, each.rows.length - LENGTH);
    }
    this.state = state;
    this.draw();
  }

  of(name) {
    const found = this.sessionRows.get(name) ?? { columns: SESSION_COLUMNS, rows: [] };
    this.sessionRows.set(name, found);
    return found;
  }

  draw() {
    const { sessions } = this.state;
    if (!sessions.some((session) => session.session === this.chosen)) this.chosen = sessions[0]?.session ?? null;
    this.device.show(this.state, this.deviceRows);
    this.table.show(this.state, this.chosen);
    const session = sessions.find((each) => each.session === this.chosen);
    this.panel.show(session, session === undefined ? null : this.of(session.session));
  }
}

new Page().start();
