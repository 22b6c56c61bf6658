// @ts-check
/** Order entry: every type and time in force, and what it costs before it is sent. */

import { html, nothing, render } from "../vendor/lit-html/lit-html.js";
import { format, grouped, parse, shown } from "../exchange/decimal.js";
import { affordable, estimate } from "../exchange/estimate.js";
import { inWords } from "../exchange/gateway.js";
import { mayHave, ORDER_TYPES, STP_MODES, TIMES_IN_FORCE } from "../exchange/order-types.js";
import { orderOf, Ticket } from "../exchange/ticket.js";
import { onceAFrame } from "../exchange/watched.js";
import { sideOf, spaced, statusOf } from "./words.js";

/** @typedef {import("./app.js").App} App */

const SHARES = [25n, 50n, 75n, 100n];

/** @type {Record<string, string>} */
const LABELS = {
  qty: "Quantity",
  quoteQty: "Spend",
  price: "Price",
  stopPrice: "Stop price",
  trail: "Trail",
  offset: "Offset",
  displayQty: "Shown quantity (iceberg)",
  minQty: "Least quantity",
};

export class OrderEntry {
  /** @param {HTMLElement} root @param {App} app */
  constructor(root, app) {
    this.root = root;
    this.app = app;
    this.ticket = new Ticket();
    this.sending = false;
    this.error = "";
    this.tried = false;
    this.priced = false;
    this.symbol = "";
    this.draw = onceAFrame(() => this.#draw());
    for (const each of [app.market, app.market.bookChanged, app.accounts, app.identity, app.stream, app.risk]) each.watch(this.draw);
    this.#draw();
  }

  /** @param {string} side */
  choose(side) {
    this.ticket.side = side;
    this.error = "";
    this.#draw();
  }

  /** @param {bigint} price Ticks: into the field that a price goes to. */
  takePrice(price) {
    const { instrument } = this.app.market;
    if (!instrument) return;
    const text = format(price, instrument.priceScale);
    const needs = ORDER_TYPES[this.ticket.type].needs;
    if (needs.includes("price") || this.ticket.type === "pegged") this.ticket.price = text;
    else if (needs.includes("stopPrice")) this.ticket.stopPrice = text;
    else {
      this.ticket.choose("limit");
      this.ticket.price = text;
    }
    this.#draw();
    this.focus("qty");
  }

  /** @param {string} field */
  focus(field) {
    const input = /** @type {HTMLInputElement | null} */ (this.root.querySelector(`#ticket-${field}`) ?? this.root.querySelector("#ticket-quoteQty"));
    input?.focus();
    input?.select();
  }

  #draw() {
    const { instrument, book } = this.app.market;
    if (!instrument) return;
    if (instrument.symbol !== this.symbol) {
      this.symbol = instrument.symbol;
      for (const field of /** @type {const} */ (["price", "stopPrice", "qty", "quoteQty", "trail", "offset", "displayQty", "minQty"])) this.ticket[field] = "";
      this.error = "";
      this.tried = false;
      this.priced = false;
    }
    const { ticket } = this;
    if (!this.priced && book?.ready) {
      const best = ticket.side === "buy" ? book.bestBid : book.bestAsk;
      if (best !== null && !ticket.price) ticket.price = format(best, instrument.priceScale);
      this.priced = true;
    }
    const made = orderOf(ticket, instrument);
    const type = ORDER_TYPES[ticket.type];
    render(
      html`
        <form novalidate @submit=${(/** @type {Event} */ event) => { event.preventDefault(); void this.#send(); }}>
          <div class="sides" role="group" aria-label="Side">
            ${["buy", "sell"].map((side) => html`
              <button type="button" class=${side} aria-pressed=${String(ticket.side === side)} @click=${() => this.choose(side)}>${sideOf(side)}</button>`)}
          </div>
          <label class="field"><span>Order type</span>
            <select id="ticket-type" .value=${ticket.type} @change=${(/** @type {any} */ event) => { ticket.choose(event.target.value); this.#draw(); }}>
              ${Object.entries(ORDER_TYPES).map(([name, each]) => html`<option value=${name} ?selected=${name === ticket.type}>${each.label}</option>`)}
            </select>
          </label>
          <p class="hint">${type.says}</p>
          ${type.needs.includes("peg") ? this.#peg() : nothing}
          ${[...type.needs, ...type.may].filter((field) => field !== "peg").map((field) => this.#amount(field, instrument.quote, made, type.needs.includes(/** @type {any} */ (field))))}
          ${ticket.spends ? this.#amount("quoteQty", instrument.quote, made, true) : this.#amount("qty", instrument.base, made, true)}
          ${mayHave(ticket.type, ticket.time, ticket.side, "quoteQty")
            ? html`<label class="check"><input type="checkbox" .checked=${ticket.byQuote} @change=${(/** @type {any} */ event) => { ticket.byQuote = event.target.checked; this.#draw(); }} />Spend an amount of ${instrument.quote}</label>`
            : nothing}
          <div class="shares" role="group" aria-label="Share of what is available">
            ${SHARES.map((share) => html`<button type="button" ?disabled=${!this.app.accounts.known} @click=${() => this.#share(share)}>${share} %</button>`)}
          </div>
          <label class="field"><span>Time in force</span>
            <select id="ticket-time" .value=${ticket.time} @change=${(/** @type {any} */ event) => { ticket.time = event.target.value; this.#draw(); }}>
              ${type.times.map((time) => html`<option value=${time} ?selected=${time === ticket.time}>${TIMES_IN_FORCE[time].label} – ${TIMES_IN_FORCE[time].says}</option>`)}
            </select>
          </label>
          ${ticket.time === "gtd" ? this.#expiry(made) : nothing}
          <div class="checks">
            ${this.#flag("postOnly", "Post only", "Refused where it would trade at once")}
            ${this.#flag("hidden", "Hidden", "Never shown in the book")}
            ${this.#flag("reduceOnly", "Reduce only", "Only ever makes the position smaller")}
          </div>
          <details class="more">
            <summary>More</summary>
            ${mayHave(ticket.type, ticket.time, ticket.side, "displayQty") && !ticket.hidden ? this.#amount("displayQty", instrument.base, made, false) : nothing}
            ${mayHave(ticket.type, ticket.time, ticket.side, "minQty") && !ticket.spends ? this.#amount("minQty", instrument.base, made, false) : nothing}
            <label class="field"><span>Own orders that meet</span>
              <select @change=${(/** @type {any} */ event) => { ticket.stpMode = event.target.value; this.#draw(); }}>
                ${Object.entries(STP_MODES).map(([name, says]) => html`<option value=${name} ?selected=${name === ticket.stpMode}>${says}</option>`)}
              </select>
            </label>
          </details>
          ${this.#cost(made)}
          ${this.#submit(made)}
          <p class="error" role="alert">${this.error}</p>
        </form>
      `,
      this.root,
    );
  }

  #peg() {
    const { ticket } = this;
    return html`<label class="field"><span>Follows</span>
      <select @change=${(/** @type {any} */ event) => { ticket.peg = event.target.value; this.#draw(); }}>
        <option value="primary" ?selected=${ticket.peg === "primary"}>Best price of its side</option>
        <option value="midpoint" ?selected=${ticket.peg === "midpoint"}>Middle of the spread</option>
      </select></label>`;
  }

  /** @param {string} field @param {string} unit @param {import("../exchange/ticket.js").Made} made @param {boolean} needed */
  #amount(field, unit, made, needed) {
    const fault = made.faults.get(field) ?? (this.tried && made.missing.has(field) ? "Needed" : "");
    const label = field === "price" && this.ticket.type === "pegged" ? "Worst price" : LABELS[field];
    return html`
      <div class="field">
        <label for="ticket-${field}">${label}${needed ? nothing : html` <span class="dim">optional</span>`}</label>
        <div class="amount ${fault ? "wrong" : ""}">
          <input
            id="ticket-${field}"
            inputmode="decimal"
            autocomplete="off"
            spellcheck="false"
            aria-invalid=${fault ? "true" : "false"}
            aria-describedby=${fault ? `fault-${field}` : nothing}
            .value=${/** @type {any} */ (this.ticket)[field]}
            @input=${(/** @type {any} */ event) => { this.#type(field, event.target.value); }}
            @keydown=${(/** @type {KeyboardEvent} */ event) => this.#nudge(field, event)}
          /><span class="unit">${unit}</span>
        </div>
        ${fault ? html`<span class="fault" id="fault-${field}">${fault}</span>` : nothing}
      </div>
    `;
  }

  /** @param {string} field @param {string} text */
  #type(field, text) {
    /** @type {any} */ (this.ticket)[field] = text.replaceAll(",", "");
    this.error = "";
    this.#draw();
  }

  /** A step up or down; ten with Shift. @param {string} field @param {KeyboardEvent} event */
  #nudge(field, event) {
    const { instrument } = this.app.market;
    if (!instrument || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
    const [scale, step] =
      field === "quoteQty" ? [instrument.quoteScale, 10n ** BigInt(instrument.quoteScale)]
      : field.toLowerCase().endsWith("qty") ? [instrument.qtyScale, instrument.lot]
      : [instrument.priceScale, instrument.tick];
    const now = parse(/** @type {any} */ (this.ticket)[field], scale) ?? 0n;
    const by = step * (event.shiftKey ? 10n : 1n) * (event.key === "ArrowUp" ? 1n : -1n);
    if (now + by < 0n && field !== "offset") return;
    event.preventDefault();
    this.#type(field, format(now + by, scale));
  }

  /** @param {import("../exchange/ticket.js").Made} made */
  #expiry(made) {
    const fault = made.faults.get("expireAt") ?? (this.tried && made.missing.has("expireAt") ? "Needed" : "");
    return html`<label class="field"><span>Until</span>
      <input id="ticket-expireAt" type="datetime-local" .value=${this.ticket.expireAt} @input=${(/** @type {any} */ event) => { this.ticket.expireAt = event.target.value; this.#draw(); }} />
      ${fault ? html`<span class="fault">${fault}</span>` : nothing}</label>`;
  }

  /** @param {"postOnly" | "hidden" | "reduceOnly"} name @param {string} label @param {string} says */
  #flag(name, label, says) {
    const { ticket } = this;
    const may = mayHave(ticket.type, ticket.time, ticket.side, name);
    return html`<label class="check" title=${says}><input type="checkbox" ?disabled=${!may} .checked=${may && ticket[name]} @change=${(/** @type {any} */ event) => { ticket[name] = event.target.checked; this.#draw(); }} />${label}</label>`;
  }

  /** @param {bigint} share Of 100. */
  #share(share) {
    const { instrument, book } = this.app.market;
    const { ticket } = this;
    if (!instrument) return;
    const [asset, scale] = ticket.side === "buy" ? [instrument.quote, instrument.quoteScale] : [instrument.base, instrument.baseScale];
    const available = ((parse(this.app.accounts.balances.get(asset)?.available ?? "0", scale) ?? 0n) * share) / 100n;
    if (ticket.spends) ticket.quoteQty = format(available, scale);
    else {
      const made = orderOf(ticket, instrument);
      const price = ticket.type === "limit" ? (made.price ?? book?.bestAsk ?? null) : ticket.side === "buy" ? made.worst : null;
      const lots = affordable(ticket.side, available, price, instrument);
      const most = lots < instrument.maxQty ? lots : instrument.maxQty;
      ticket.qty = format(most - (most % instrument.lot), instrument.qtyScale);
    }
    this.error = "";
    this.#draw();
  }

  /** @param {import("../exchange/ticket.js").Made} made */
  #cost(made) {
    const { instrument, book } = this.app.market;
    if (!instrument) return nothing;
    const { ticket } = this;
    const found = estimate({ side: ticket.side, qty: made.qty, price: made.price, worst: made.worst, quoteQty: made.quoteQty }, instrument, book?.ready ? book : null);
    const feeScale = found.feeAsset === instrument.base ? instrument.baseScale : instrument.quoteScale;
    const scale = found.reserveAsset === instrument.base ? instrument.baseScale : instrument.quoteScale;
    const balance = this.app.accounts.balances.get(found.reserveAsset);
    const available = balance ? parse(balance.available, scale) : this.app.accounts.known ? 0n : null;
    const after = available !== null && found.reserve !== null ? available - found.reserve : null;
    const about = found.sure ? "" : "≈ ";
    return html`
      <dl class="cost" aria-label="Cost">
        <div><dt>Available</dt><dd>${available === null ? "–" : money(available, scale, found.reserveAsset)}</dd></div>
        <div><dt>${ticket.side === "buy" ? "Cost" : "Proceeds"}</dt><dd>${found.value === null ? "–" : html`${about}${money(found.value, instrument.quoteScale, instrument.quote)}`}</dd></div>
        <div><dt>Fee, at most</dt><dd>${found.fee === null ? "–" : html`${about}${money(found.fee, feeScale, found.feeAsset)}`}</dd></div>
        <div><dt title="What is set aside while the order lives; what it does not use comes back">Reserved, at most</dt><dd>${found.reserve === null ? "–" : money(found.reserve, scale, found.reserveAsset)}</dd></div>
        <div class=${after !== null && after < 0n ? "down" : ""}><dt>Available after</dt><dd>${after === null ? "–" : money(after, scale, found.reserveAsset)}</dd></div>
      </dl>
      <p class="warning">${after !== null && after < 0n ? `More ${found.reserveAsset} than is available.` : found.whole ? "" : "The book has less than that."}</p>
    `;
  }

  /** @param {import("../exchange/ticket.js").Made} made */
  #submit(made) {
    const { ticket } = this;
    const { identity, stream, market } = this.app;
    if (!identity.session) return html`<button type="button" class="send primary" @click=${() => this.app.signIn()}>Sign in to trade</button>`;
    if (this.app.risk.stopped) return html`<button type="submit" class="send ${ticket.side}" disabled>Account is stopped</button>`;
    const amount = ticket.spends ? (made.quoteQty === null ? "" : `for ${grouped(ticket.quoteQty)} ${market.instrument?.quote}`) : made.qty === null ? "" : `${grouped(ticket.qty)} ${market.instrument?.base}`;
    return html`<button type="submit" class="send ${ticket.side}" ?disabled=${this.sending || stream.state === "replaced"}>${this.sending ? "Sending" : `${sideOf(ticket.side)} ${amount}`}</button>`;
  }

  async #send() {
    const { instrument } = this.app.market;
    if (!instrument || this.sending || !this.app.identity.session || this.app.risk.stopped) return;
    const made = orderOf(this.ticket, instrument);
    this.tried = true;
    this.error = "";
    const wrong = [...made.faults.keys(), ...made.missing][0];
    if (wrong) {
      this.#draw();
      this.focus(wrong);
      return;
    }
    this.sending = true;
    this.#draw();
    try {
      const answer = await this.app.orders.enter(made.order);
      this.tried = false;
      const done = answer.orderStatus === "filled" || answer.orderStatus === "partially_filled";
      if (!done) {
        const what = `${sideOf(this.ticket.side)} ${spaced(this.ticket.type).toLowerCase()} ${answer.orderQty} ${instrument.symbol}`;
        this.app.toasts.say("good", `Order ${statusOf(answer.orderStatus).toLowerCase()}`, what);
      }
    } catch (error) {
      this.error = inWords(error);
      this.app.heard(error);
    } finally {
      this.sending = false;
      this.#draw();
    }
  }
}

/** @param {bigint} value @param {number} scale @param {string} asset */
function money(value, scale, asset) {
  const text = shown(value, scale);
  const point = text.indexOf(".");
  const kept = point < 0 ? text : text.replace(/0+$/, "");
  const least = point < 0 ? text : kept.length < point + 3 ? text.slice(0, point + 3) : kept;
  return html`<span class="number">${least}</span> <span class="unit">${asset}</span>`;
}
