// @ts-check
/** The kill switch: what it stops, why, and the name of it typed, so that nobody throws it by mistake. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { inWords } from "../exchange/gateway.js";
import { openDialog } from "../screen/dialogs.js";

/** @typedef {import("./app.js").OperatorApp} OperatorApp */
/** @typedef {{ scope?: string, on?: boolean, tenant?: number, account?: number, symbol?: string }} Wanted */

const SCOPES = [["venue", "Venue"], ["tenant", "Tenant"], ["account", "Account"], ["instrument", "Instrument"]];

/** @param {OperatorApp} app @param {Wanted} begins With what it is filled in. */
export function askForSwitch(app, begins) {
  const wanted = { scope: begins.scope ?? "venue", on: begins.on ?? true, number: String(begins.tenant ?? begins.account ?? ""), symbol: begins.symbol ?? "", why: "", typed: "" };
  let error = "";
  let busy = false;
  const { draw, closed } = openDialog("Kill switch", (close) => {
    const symbols = (app.venue.told.instruments?.instruments ?? []).map((/** @type {any} */ each) => each.symbol);
    wanted.symbol ||= symbols[0] ?? "";
    const name = nameOf(wanted);
    const called = name === "venue" ? "the whole venue" : name || `the ${wanted.scope}`;
    const set = (/** @type {Partial<typeof wanted>} */ more) => { Object.assign(wanted, more); draw(); };
    const send = async (/** @type {Event} */ event) => {
      event.preventDefault();
      if (!name || wanted.typed !== name || busy) return;
      busy = true;
      error = "";
      draw();
      try {
        await app.venue.throwSwitch({ scope: wanted.scope, on: wanted.on, why: wanted.why, ...targetOf(wanted) });
        close();
        app.toasts.say(wanted.on ? "bad" : "good", wanted.on ? `Stopped: ${name}` : `Orders are let in again: ${name}`, wanted.why);
        return;
      } catch (problem) {
        error = inWords(problem);
        app.heard(problem);
      }
      busy = false;
      draw();
    };
    return html`
      <form class="dialog switch-form" @submit=${send}>
        <h2>Kill switch</h2>
        <div class="sides" role="group" aria-label="What to do">
          <button type="button" class="stop" aria-pressed=${wanted.on ? "true" : "false"} @click=${() => set({ on: true })}>Stop</button>
          <button type="button" class="lift" aria-pressed=${wanted.on ? "false" : "true"} @click=${() => set({ on: false })}>Let in again</button>
        </div>
        <label class="field"><span>Of</span><select id="switch-scope" .value=${wanted.scope} @change=${(/** @type {any} */ event) => set({ scope: event.target.value, typed: "" })}>${SCOPES.map(([scope, says]) => html`<option value=${scope} ?selected=${scope === wanted.scope}>${says}</option>`)}</select></label>
        ${wanted.scope === "instrument"
          ? html`<label class="field"><span>Instrument</span><select id="switch-symbol" .value=${wanted.symbol} @change=${(/** @type {any} */ event) => set({ symbol: event.target.value, typed: "" })}>${symbols.map((/** @type {string} */ each) => html`<option value=${each} ?selected=${each === wanted.symbol}>${each}</option>`)}</select></label>`
          : wanted.scope === "venue" ? nothing
          : html`<label class="field"><span>Number of the ${wanted.scope}</span><input id="switch-number" inputmode="numeric" pattern="[1-9][0-9]*" required .value=${wanted.number} @input=${(/** @type {any} */ event) => set({ number: event.target.value.trim() })} /></label>`}
        <label class="field"><span>Why</span><input id="switch-why" required maxlength="200" autocomplete="off" @input=${(/** @type {any} */ event) => set({ why: event.target.value })} /></label>
        <p>${wanted.on ? `New orders of ${called} are refused, and what rests there is cancelled.` : `New orders of ${called} are taken again.`}</p>
        <label class="field"><span>Type ${name || "its name"} to confirm</span><input id="switch-name" required autocomplete="off" spellcheck="false" .value=${wanted.typed} @input=${(/** @type {any} */ event) => set({ typed: event.target.value })} /></label>
        <p class="error" role="alert">${error}</p>
        <div class="actions">
          <button type="button" class="plain" @click=${close}>Keep</button>
          <button type="submit" class=${wanted.on ? "danger" : "primary"} ?disabled=${busy || !name || wanted.typed !== name || !wanted.why.trim()}>${wanted.on ? "Stop" : "Let in again"}</button>
        </div>
      </form>`;
  });
  void closed.then(app.venue.watch(draw)); // the instruments may be told later than this is opened
}

/** @param {{ scope: string, number: string, symbol: string }} wanted @returns {string} What is typed to confirm; empty: it is not said yet. */
export function nameOf({ scope, number, symbol }) {
  if (scope === "venue") return "venue";
  if (scope === "instrument") return symbol;
  return /^[1-9]\d*$/.test(number) ? `${scope} ${number}` : "";
}

/** @param {{ scope: string, number: string, symbol: string }} wanted */
export function targetOf({ scope, number, symbol }) {
  if (scope === "venue") return {};
  return scope === "instrument" ? { symbol } : { [scope]: Number(number) };
}
