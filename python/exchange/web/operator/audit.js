// @ts-check
/** The last audit: when, what was compared and what is wrong; and a button that has another one made. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { inWords } from "../exchange/gateway.js";
import { timeOf, whenOf } from "../screen/words.js";
import { grouped, lasting } from "./figures.js";
import { panel } from "./panel.js";

/** @typedef {import("./app.js").OperatorApp} OperatorApp */
/** @typedef {{ name: string, good: boolean, says: string, wrong: string[], count: number }} Check */
/** @typedef {{ beganAt: string, seconds: number, who: string, good: boolean, error: string, commands: number, trades: number, stateHash: string, checks: Check[] }} Audit */

/** @param {OperatorApp} app */
export function showAudit(app) {
  let asked = false;
  const start = async () => {
    if (asked) return;
    asked = true;
    try {
      const { started } = await app.venue.startAudit();
      if (!started) app.toasts.say("note", "An audit runs already");
    } catch (error) {
      app.toasts.say("bad", "No audit was begun", inWords(error));
      app.heard(error);
    }
    asked = false;
  };
  panel("audit", app.venue, "audit", "the last audit", (/** @type {{ running: boolean, last: Audit | null }} */ { running, last }) => html`
    <div class="strip">
      <span class="wraps">${last ? summary(last) : html`<span class="dim">None was made yet.</span>`}</span>
      <button type="button" class="plain small" ?disabled=${running} @click=${() => void start()}>${running ? "Running" : "Audit now"}</button>
    </div>
    ${last?.error ? html`<p class="strip error" role="alert">No result: ${last.error}</p>` : nothing}
    ${last?.checks.length
      ? html`<div class="scroll" tabindex="0" role="region" aria-label="What was compared"><table>
          <thead><tr><th scope="col">Compared</th><th scope="col">Result</th></tr></thead>
          <tbody>${last.checks.map((each) => html`<tr><th scope="row" data-label="Compared"><span class="state ${each.good ? "healthy" : "critical"}"><i aria-hidden="true"></i>${each.name}</span></th><td data-label="Result" class="wraps">${result(each)}</td></tr>`)}</tbody>
        </table></div>`
      : nothing}`);
}

/** @param {Audit} last */
function summary(last) {
  const age = lasting(Math.max(0, Math.floor((Date.now() - Date.parse(last.beganAt)) / 1_000)));
  return html`<span class="state ${last.good ? "healthy" : "critical"}"><i aria-hidden="true"></i>${last.good ? "All is right" : "Something is wrong"}</span>
    <span class="dim" title=${whenOf(last.beganAt)}>${age} ago, at ${timeOf(last.beganAt)}, by ${last.who}; took ${last.seconds.toFixed(1)} s, ${grouped(last.commands)} commands, ${grouped(last.trades)} trades</span>`;
}

/** @param {Check} check */
function result(check) {
  const more = check.count - check.wrong.length;
  return check.good ? check.says : html`${check.wrong.map((each) => html`<span class="error">${each}</span><br />`)}${more > 0 ? html`<span class="error">and ${grouped(more)} more</span>` : nothing}`;
}
