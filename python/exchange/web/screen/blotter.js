// @ts-check
/** What is about the account, in tabs. */

import { html, nothing, render } from "../vendor/lit-html/lit-html.js";
import { onceAFrame } from "../exchange/watched.js";
import { ApiKeys } from "./api-keys.js";
import { Balances, Positions } from "./balances.js";
import { PastExecutions, PastOrders } from "./history.js";
import { OpenOrders } from "./open-orders.js";

/** @typedef {import("./app.js").App} App */

export class Blotter {
  /** @param {HTMLElement} root @param {App} app */
  constructor(root, app) {
    this.root = root;
    this.app = app;
    this.draw = onceAFrame(() => this.#draw());
    this.open = new OpenOrders(app, this.draw);
    this.tabs = [this.open, new PastOrders(app, this.draw), new PastExecutions(app, this.draw), new Balances(app), new Positions(app), new ApiKeys(app, this.draw)];
    this.at = 0;
    /** @type {unknown} */
    this.session = null;
    for (const each of [app.orders, app.accounts, app.identity, app.market]) each.watch(this.draw);
    this.#draw();
  }

  /** @param {number} at Which tab. */
  show(at) {
    this.at = at;
    if (this.app.identity.session) this.tabs[at].shown();
    this.#draw();
  }

  #draw() {
    const { session, known } = this.app.identity;
    if (session !== this.session) {
      this.session = session;
      if (session) this.tabs[this.at].shown();
    }
    render(
      html`
        <div class="tabs" role="tablist" aria-label="Account" @keydown=${(/** @type {KeyboardEvent} */ event) => this.#key(event)}>
          ${this.tabs.map((tab, place) => html`
            <button type="button" role="tab" id="tab-${place}" aria-controls="blotter" aria-selected=${String(place === this.at)} tabindex=${place === this.at ? 0 : -1} @click=${() => this.show(place)}>${tab.title}</button>`)}
        </div>
        ${session && this.app.accounts.usable.length > 1 ? this.#choice() : nothing}
        <div class="scroll" id="blotter" role="tabpanel" aria-labelledby="tab-${this.at}" tabindex="0">
          ${session
            ? this.app.accounts.account === undefined && !this.app.accounts.usable.length
              ? this.#question()
              : this.tabs[this.at].content()
            : known
              ? html`<p class="empty">Sign in to see orders, trades and balances. <button type="button" class="plain small" @click=${() => this.app.signIn()}>Sign in</button></p>`
              : html`<p class="empty">Loading</p>`}
        </div>
      `,
      this.root,
    );
  }

  #choice() {
    const { account, usable } = this.app.accounts;
    return html`<label class="choice"><span>Account</span>
      <select @change=${(/** @type {any} */ event) => this.#use(event.target.value)}>${usable.map((each) => html`<option value=${each} ?selected=${each === account}>${each}</option>`)}</select></label>`;
  }

  /** A user without accounts of their own may use all of the tenant's. */
  #question() {
    return html`<form class="choice" @submit=${(/** @type {any} */ event) => { event.preventDefault(); this.#use(event.target.elements[0].value); }}>
      <label>Which account? <input inputmode="numeric" pattern="[1-9][0-9]*" required /></label><button type="submit" class="primary small">Show</button></form>`;
  }

  /** @param {string} text */
  #use(text) {
    this.app.use(Number(text));
    this.tabs[this.at].shown();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!by) return;
    this.show((this.at + by + this.tabs.length) % this.tabs.length);
    /** @type {HTMLElement | null} */ (this.root.querySelector("[aria-selected=true]"))?.focus();
  }
}
