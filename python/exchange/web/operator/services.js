// @ts-check
/** The processes of the exchange, what is not well, and who is behind. */

import { html } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { timeOf, whenOf } from "../screen/words.js";
import { grouped, lasting, megabytes } from "./figures.js";
import { panel } from "./panel.js";

/** @typedef {import("../exchange/venue.js").Venue} Venue */
/** @typedef {import("../exchange/venue.js").Process} Process */

/** @param {Venue} venue */
export function showServices(venue) {
  panel("services", venue, "services", "services", ({ processes }) => (processes.length ? table(processes) : html`<p class="empty">No process runs on this gateway's data directory.</p>`));
  panel("alerts", venue, "alerts", "alerts", ({ alerts }) =>
    alerts.length
      ? html`<div class="scroll" tabindex="0" role="region" aria-label="List of alerts"><ul class="alerts" role="list">${repeat(alerts, (/** @type {any} */ each) => `${each.about} ${each.says}`, (/** @type {any} */ each) => html`<li class=${each.severity}><i aria-hidden="true"></i><span><strong>${each.about}</strong> <span class="dim">${each.severity}${each.since ? html`, since <time datetime=${each.since} title=${whenOf(each.since)}>${sinceOf(each.since)}</time>` : ""}</span><br />${each.says}</span></li>`)}</ul></div>`
      : html`<p class="empty"><span class="state healthy"><i aria-hidden="true"></i>All is well.</span></p>`,
  );
  panel("followers", venue, "followers", "followers", (told) => html`
    <div class="strip"><span class="dim">Journal: ${grouped(told.written)} written, ${grouped(told.durable)} on disk</span></div>
    ${told.followers.length
      ? html`<div class="scroll" tabindex="0" role="region" aria-label="List of followers"><table>
          <thead><tr><th scope="col">Follower</th><th scope="col">State</th><th scope="col" class="number">Behind</th></tr></thead>
          <tbody>${repeat(told.followers, (/** @type {any} */ each) => each.name, (/** @type {any} */ each) => html`<tr><th scope="row" data-label="Follower">${each.name}</th><td data-label="State">${state(each.state)}</td><td data-label="Behind" class="number">${grouped(each.lag)}</td></tr>`)}</tbody>
        </table></div>`
      : html`<p class="empty">Nobody follows.</p>`}`);
}

/** @param {Process[]} processes */
function table(processes) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="List of services"><table>
    <thead><tr><th scope="col">Process</th><th scope="col">State</th><th scope="col" class="number">Up</th><th scope="col" class="number">CPU</th><th scope="col" class="number">Memory</th><th scope="col" class="number">Restarts</th><th scope="col">Needs</th></tr></thead>
    <tbody>${repeat(processes, (each) => each.name, (each) => html`
      <tr>
        <th scope="row" data-label="Process" title=${each.services.join(", ")}>${each.name}${each.pid === null ? "" : html` <span class="dim">${each.pid}</span>`}</th>
        <td data-label="State">${state(each.state)}</td>
        <td data-label="Up" class="number">${lasting(each.uptimeS)}</td>
        <td data-label="CPU" class="number">${each.cpuPercent === null ? "–" : `${each.cpuPercent.toFixed(1)} %`}</td>
        <td data-label="Memory" class="number">${megabytes(each.memoryBytes)}</td>
        <td data-label="Restarts" class="number ${each.restarts ? "warning" : ""}">${grouped(each.restarts)}</td>
        <td data-label="Needs" class="wraps">${needs(each.needs)}</td>
      </tr>`)}</tbody>
  </table></div>`;
}

/** @param {Record<string, string>} told */
function needs(told) {
  const names = Object.keys(told);
  if (!names.length) return html`<span class="dim">–</span>`;
  return names.map((name, place) => html`${place ? ", " : ""}<span class=${told[name] === "healthy" ? "" : "error"}>${name}${told[name] === "healthy" ? "" : ` (${told[name]})`}</span>`);
}

const DAY_MS = 86_400_000;

/** @param {string} at RFC 3339. @returns {string} The time of day, of what is older the day, too. */
function sinceOf(at) {
  return Date.now() - Date.parse(at) < DAY_MS ? timeOf(at) : whenOf(at);
}

/** @param {string} word */
function state(word) {
  return html`<span class="state ${word}"><i aria-hidden="true"></i>${word}</span>`;
}
