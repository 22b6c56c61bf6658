// @ts-check
/** Instruments with their limits, kill switches that were thrown, and events that nobody could take. */

import { html } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { grouped } from "../exchange/decimal.js";
import { phaseOf, whenOf } from "../screen/words.js";
import { panel } from "./panel.js";

/** @typedef {import("../exchange/venue.js").SetByOperator} SetByOperator */
/** @typedef {import("./app.js").OperatorApp} OperatorApp */

/** @param {OperatorApp} app */
export function showMarkets(app) {
  const { venue } = app;
  panel("markets", venue, "instruments", "instruments", ({ instruments }) => html`<div class="scroll" tabindex="0" role="region" aria-label="List of instruments and limits">
    ${instruments.length
      ? html`<table>
          <thead><tr><th scope="col">Instrument</th><th scope="col">Phase</th><th scope="col" class="number">Tick</th><th scope="col" class="number">Lot</th><th scope="col" class="number">Most</th><th scope="col" class="number">Last</th><th scope="col"><span class="hidden">Actions</span></th></tr></thead>
          <tbody>${repeat(instruments, (/** @type {any} */ each) => each.symbol, (/** @type {any} */ each) => html`
            <tr>
              <th scope="row" data-label="Instrument">${each.symbol}</th><td data-label="Phase">${phaseOf(each.phase)}</td>
              <td data-label="Tick" class="number">${each.tickSize}</td><td data-label="Lot" class="number">${each.lotSize}</td>
              <td data-label="Most" class="number">${each.maxQty ? grouped(each.maxQty) : "–"}</td><td data-label="Last" class="number">${each.lastPrice ? grouped(each.lastPrice) : "–"}</td>
              <td class="actions">${app.mayThrow ? html`<button type="button" class="plain small" aria-label="Kill switch of ${each.symbol}" @click=${() => app.throwSwitch({ scope: "instrument", symbol: each.symbol })}>Stop</button>` : ""}</td>
            </tr>`)}</tbody>
        </table>`
      : html`<p class="empty">No instruments are defined.</p>`}
    ${limits(venue)}
  </div>`);
  panel("switches", venue, "switches", "kill switches", ({ rows }) => {
    const thrown = rows.filter((/** @type {SetByOperator} */ each) => each.values.on);
    return thrown.length
      ? html`<div class="scroll" tabindex="0" role="region" aria-label="List of kill switches"><table>
          <thead><tr><th scope="col">Stopped</th><th scope="col">By, why</th><th scope="col">Since</th><th scope="col"><span class="hidden">Actions</span></th></tr></thead>
          <tbody>${repeat(thrown, (/** @type {SetByOperator} */ each) => each.scope, (/** @type {SetByOperator} */ each) => html`
            <tr>
              <th scope="row" data-label="Stopped">${each.symbol ?? each.scope}</th><td data-label="By, why" class="wraps">${each.who}${each.why ? `: ${each.why}` : ""}</td><td data-label="Since">${whenOf(each.setAt)}</td>
              <td class="actions">${app.mayThrow ? html`<button type="button" class="plain small" aria-label="Let orders of ${each.symbol ?? each.scope} in again" @click=${() => app.throwSwitch({ ...targetOf(each), on: false })}>Let in</button>` : ""}</td>
            </tr>`)}</tbody>
        </table></div>`
      : html`<p class="empty">None is thrown.</p>`;
  });
  panel("letters", venue, "letters", "dead letters", ({ letters }) => {
    document.querySelector("main")?.classList.toggle("letters", letters.length > 0);
    return letters.length
      ? html`<div class="scroll" tabindex="0" role="region" aria-label="List of dead letters"><table>
          <thead><tr><th scope="col">Letter</th><th scope="col">Event</th><th scope="col">Of</th><th scope="col">Status</th><th scope="col" class="number">Tries</th><th scope="col">Failed</th><th scope="col">Error</th></tr></thead>
          <tbody>${repeat(letters, (/** @type {any} */ each) => each.letter, (/** @type {any} */ each) => html`
            <tr><th scope="row" data-label="Letter">${each.letter}</th><td data-label="Event">${each.eventType}</td><td data-label="Of">${each.entity}</td><td data-label="Status">${each.status}, ${each.reason}</td><td data-label="Tries" class="number">${each.attempts}</td><td data-label="Failed">${whenOf(each.failedAt)}</td><td data-label="Error" class="wraps">${each.error || "–"}</td></tr>`)}</tbody>
        </table></div>
        <div class="strip dim"><span>Decide by <code>exchange dlq replay</code> or <code>discard</code>.</span></div>`
      : html`<p class="empty">No dead letters.</p>`;
  });
  venue.watch(() => { /** @type {HTMLElement} */ (document.getElementById("letters")).hidden = !venue.told.letters?.letters.length && !venue.errors.letters; });
}

/** @param {import("../exchange/venue.js").Venue} venue */
function limits(venue) {
  const told = venue.told.limits;
  if (!told) return html`<p class="strip dim"><span>${venue.errors.limits ? /** @type {any} */ (venue.errors.limits).message : "Loading limits"}</span></p>`;
  const rows = told.rows.flatMap((/** @type {SetByOperator} */ each) => Object.entries(each.values).filter(([, value]) => typeof value === "number").map(([name, value]) => ({ ...each, name, value: String(value) })));
  if (!rows.length) return html`<p class="strip dim"><span>No limits are set.</span></p>`;
  return html`<table>
    <thead><tr><th scope="col">Limits of</th><th scope="col">Limit</th><th scope="col" class="number">Lots or minor units</th><th scope="col">By</th></tr></thead>
    <tbody>${rows.map((/** @type {any} */ each) => html`<tr><th scope="row" data-label="Limits of">${each.symbol ? each.scope.replace(/instrument\/\d+/, each.symbol) : each.scope}</th><td data-label="Limit">${each.name.replaceAll("_", " ")}</td><td data-label="Value" class="number">${grouped(each.value)}</td><td data-label="By">${each.who}</td></tr>`)}</tbody>
  </table>`;
}

/** @param {SetByOperator} row @returns {{ scope: string, tenant?: number, account?: number, symbol?: string }} */
function targetOf({ scope, symbol }) {
  const [kind, number] = scope.split("/");
  return kind === "instrument" ? { scope: kind, symbol: symbol ?? "" } : number ? { scope: kind, [kind]: Number(number) } : { scope: "venue" };
}
