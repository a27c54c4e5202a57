// The server's device and its totals.

import { Chart } from "./charts.js";
import { clock, count, plain, quantity, setTerms, setText } from "./format.js";

const CHARTS = [
  ["power_w", "Power", (value) => plain(value, "W")],
  ["core_mhz", "Core clock", (value) => plain(value, "MHz")],
  ["requests_hz", "Requests per second", (value) => plain(value, "/s")],
];

export class DevicePanel {
  constructor() {
    const parent = document.getElementById("device-charts");
    this.charts = CHARTS.map(([column, title, show]) => ({ column, chart: new Chart(parent, { title, show }) }));
  }

  show(state, history) {
    const { device, totals, server } = state;
    setText(document.getElementById("server-name"), server.name);
    setText(document.getElementById("device-name"), `${device.name}; its watts are ${device.figures}: ${device.scope}`);
    const each = totals.answered ? totals.energy_j / totals.answered : null;
    setTerms(document.getElementById("tiles"), [
      ["Power", plain(device.power_w, "W"), device.figures],
      ["Clock", clock(device.core_mhz === null ? null : device), device.requested ? `asked for ${clock(device.requested)}` : "nobody asks for one"],
      ["Temperature", plain(device.temperature_c, "°C"), device.throttle.length ? `throttled: ${device.throttle.join(", ")}` : "not throttled"],
      ["Requests per second", plain(totals.requests_hz, "/s"), "over the last 10 s"],
      ["Answered", count(totals.answered), `${count(totals.refused)} refused`],
      ["Server's joules per answer", quantity(each, "J"), `${device.figures}, since the start`],
      ["Sessions", count(totals.sessions), `${count(totals.streams)} connected`],
      ["Plans", count(totals.plans), `epoch ${totals.epoch}`],
    ]);
    const notes = [];
    if (device.complaint !== null) notes.push(`The device is lost: ${device.complaint}.`);
    if (totals.draining) notes.push("The server stops: new requests are refused.");
    if (server.slowdown !== 1) notes.push(`Emulated: a second of the agents lasts ${server.slowdown} s here.`);
    const note = document.getElementById("notes");
    setText(note, notes.join(" "));
    note.classList.toggle("warning", device.complaint !== null || totals.draining);
    note.hidden = notes.length === 0;
    for (const { column, chart } of this.charts) {
      const index = history.columns.indexOf(column);
      chart.draw(history.rows.map((row) => [row[0], row[index]]));
    }
  }
}
