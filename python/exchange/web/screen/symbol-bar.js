// @ts-check
/** The bar on top: which instrument, its last price and its 24 hours; theme, help, who is signed in. */

import { html, render, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { brief, grouped, parse } from "../exchange/decimal.js";
import { onceAFrame } from "../exchange/watched.js";
import { phaseOf } from "./words.js";

/** @typedef {import("./app.js").App} App */

export class SymbolBar {
  /** @param {HTMLElement} root @param {App} app */
  constructor(root, app) {
    this.root = root;
    this.app = app;
    this.opened = false;
    this.search = "";
    this.marked = 0;
    /** @type {bigint | null} */
    this.before = null;
    this.moved = "";
    this.draw = onceAFrame(() => this.#draw());
    for (const each of [app.market, app.identity, app.accounts, app.risk]) each.watch(this.draw);
    document.addEventListener("pointerdown", (event) => {
      if (this.opened && !root.querySelector(".selector")?.contains(/** @type {Node} */ (event.target))) this.close();
    });
    this.#draw();
  }

  /** Opens the list of instruments. */
  open() {
    this.opened = true;
    this.search = "";
    this.marked = 0;
    this.#draw();
    /** @type {HTMLInputElement | null} */ (this.root.querySelector("#symbol-search"))?.focus();
  }

  close() {
    this.opened = false;
    this.#draw();
  }

  /** @returns {string[]} Symbols that fit what is searched for. */
  get #found() {
    const wanted = this.search.trim().toUpperCase();
    return [...this.app.market.instruments.keys()].filter((each) => each.includes(wanted)).sort();
  }

  /** @param {string} symbol */
  #choose(symbol) {
    this.close();
    this.app.show(symbol);
    /** @type {HTMLElement | null} */ (this.root.querySelector(".symbol"))?.focus();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const found = this.#found;
    if (event.key === "ArrowDown") this.marked = Math.min(this.marked + 1, found.length - 1);
    else if (event.key === "ArrowUp") this.marked = Math.max(this.marked - 1, 0);
    else if (event.key === "Enter" && found[this.marked]) this.#choose(found[this.marked]);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
    this.#draw();
    this.root.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }

  #draw() {
    const { market, identity } = this.app;
    const instrument = market.instrument;
    const ticker = instrument ? market.tickers.get(instrument.symbol) : null;
    const last = ticker?.lastPrice ?? null;
    const now = last && instrument ? parse(last, instrument.priceScale) : null;
    if (now !== null && this.before !== null && now !== this.before) this.moved = now > this.before ? "up" : "down";
    this.before = now;
    const change = ticker?.changePercent ?? null;
    const trend = change === null ? "" : change.startsWith("-") ? "down" : "up";
    const sign = trend === "up" ? "+" : "";
    document.title = last && instrument ? `${grouped(last)} ${instrument.symbol}` : "Exchange";
    render(
      html`
        <div class="selector">
          <button
            type="button"
            class="symbol"
            aria-haspopup="listbox"
            aria-expanded=${this.opened ? "true" : "false"}
            @click=${() => (this.opened ? this.close() : this.open())}
          >
            ${instrument?.symbol ?? (market.instruments.size ? "Choose" : "Loading")}<span class="caret" aria-hidden="true"></span>
          </button>
          ${this.opened ? this.#list() : nothing}
        </div>
        ${instrument
          ? html`
              <div class="last ${this.moved}" aria-label="Last price"><strong>${last ? grouped(last) : "–"}</strong></div>
              <dl class="figures">
                <div><dt>Change 24h</dt><dd class=${trend}>${change === null ? "–" : `${sign}${brief(ticker.change, instrument.priceScale)}  ${sign}${percent(change)} %`}</dd></div>
                <div><dt>High</dt><dd>${ticker?.highPrice ? grouped(ticker.highPrice) : "–"}</dd></div>
                <div><dt>Low</dt><dd>${ticker?.lowPrice ? grouped(ticker.lowPrice) : "–"}</dd></div>
                <div><dt>Volume ${instrument.base}</dt><dd>${ticker?.volume ? whole(ticker.volume) : "–"}</dd></div>
                <div><dt>Mark</dt><dd>${market.mark?.markPrice ? grouped(market.mark.markPrice) : "–"}</dd></div>
                <div><dt>Phase</dt><dd>${phaseOf(instrument.phase)}</dd></div>
              </dl>
            `
          : html`<div class="last"></div><dl class="figures"></dl>`}
        <div class="tools">
          ${this.app.killSwitch.may ? html`<button type="button" class="danger kill" title="Kill switch (K)" aria-label="Kill switch" ?disabled=${this.app.risk.stopped} @click=${() => void this.app.killSwitch.ask()}><i aria-hidden="true"></i><span>Kill switch</span></button>` : nothing}
          <button type="button" class="icon" title="Light or dark (T)" aria-label="Switch between light and dark" @click=${() => this.app.switchTheme()}><span class="half" aria-hidden="true"></span></button>
          <button type="button" class="icon keys-button" title="Keys (?)" aria-label="Keyboard shortcuts" @click=${() => this.app.help()}>?</button>
          ${identity.session
            ? html`<span class="user" title="Account ${this.app.accounts.account ?? ""}">${this.app.userName}</span>
                <button type="button" class="plain" @click=${() => this.app.signOut()}>Sign out</button>`
            : html`<button type="button" class="primary" ?disabled=${!identity.known} @click=${() => this.app.signIn()}>Sign in</button>`}
        </div>
      `,
      this.root,
    );
  }

  #list() {
    const found = this.#found;
    return html`
      <div class="menu">
        <input
          id="symbol-search"
          type="search"
          role="combobox"
          aria-label="Search instruments"
          aria-expanded="true"
          aria-controls="symbols"
          aria-activedescendant=${found[this.marked] ? `symbol-${found[this.marked]}` : nothing}
          autocomplete="off"
          spellcheck="false"
          placeholder="Search"
          .value=${this.search}
          @input=${(/** @type {any} */ event) => { this.search = event.target.value; this.marked = 0; this.#draw(); }}
          @keydown=${(/** @type {KeyboardEvent} */ event) => this.#key(event)}
        />
        <div class="symbols" id="symbols" role="listbox" aria-label="Instruments">
          ${repeat(found, (each) => each, (each, place) => this.#row(each, place))}
        </div>
        ${found.length ? nothing : html`<p class="empty">No instrument has that name.</p>`}
      </div>
    `;
  }

  /** @param {string} symbol @param {number} place */
  #row(symbol, place) {
    const ticker = this.app.market.tickers.get(symbol);
    const change = ticker?.changePercent ?? null;
    return html`
      <div class="option" id="symbol-${symbol}" role="option" aria-selected=${place === this.marked ? "true" : "false"} @click=${() => this.#choose(symbol)}>
        <span>${symbol}</span>
        <span class="number">${ticker?.lastPrice ? grouped(ticker.lastPrice) : "–"}</span>
        <span class="number ${change === null ? "" : change.startsWith("-") ? "down" : "up"}">${change === null ? "–" : `${percent(change)} %`}</span>
      </div>
    `;
  }
}

/** @param {string} text @returns {string} With two places. */
function percent(text) {
  const [whole, part = ""] = text.split(".");
  return `${grouped(whole)}.${part.padEnd(2, "0").slice(0, 2)}`;
}

/** @param {string} text @returns {string} A volume: two places at most where it is large. */
function whole(text) {
  const [before, part = ""] = text.split(".");
  const places = before.length > 4 ? 0 : before.length > 2 ? 2 : 4;
  const rest = part.slice(0, places);
  return rest ? `${grouped(before)}.${rest}` : grouped(before);
}
