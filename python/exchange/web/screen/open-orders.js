// @ts-check
/** Live orders: cancelled by a button, changed in their row. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { inWords } from "../exchange/gateway.js";
import { confirmed } from "./dialogs.js";
import { digits, sideOf, spaced, statusOf, whenOf } from "./words.js";

/** @typedef {import("./app.js").App} App */
/** @typedef {import("../exchange/orders.js").Order} Order */

export class OpenOrders {
  /** @param {App} app @param {() => void} draw */
  constructor(app, draw) {
    this.app = app;
    this.draw = draw;
    this.onlyHere = false;
    /** @type {{ orderId: string, price: string, qty: string, stopPrice: string, error: string, busy: boolean } | null} */
    this.edited = null;
    /** @type {Set<string>} Those whose cancel is on its way. */
    this.ending = new Set();
  }

  get title() {
    return `Open orders${this.app.orders.live.size ? ` (${this.app.orders.live.size})` : ""}`;
  }

  /** Nothing is asked for: the stream tells it. */
  shown() {}

  content() {
    const { orders, market } = this.app;
    if (!orders.known) return html`<p class="empty">Loading orders</p>`;
    const symbol = market.instrument?.symbol;
    const found = orders.open.filter((each) => !this.onlyHere || each.symbol === symbol);
    return html`
      <div class="strip">
        <label class="check"><input type="checkbox" .checked=${this.onlyHere} @change=${(/** @type {any} */ event) => { this.onlyHere = event.target.checked; this.draw(); }} />Only ${symbol}</label>
        <button type="button" class="danger small" ?disabled=${!found.length} @click=${() => this.cancelAll()}>Cancel all</button>
      </div>
      ${found.length
        ? html`
            <table>
              <thead>
                <tr><th scope="col">Time</th><th scope="col">Market</th><th scope="col">Side</th><th scope="col">Type</th><th scope="col" class="number">Price</th><th scope="col" class="number">Stop</th><th scope="col" class="number">Quantity</th><th scope="col" class="number">Filled</th><th scope="col">Status</th><th scope="col"><span class="hidden">Actions</span></th></tr>
              </thead>
              <tbody>
                ${repeat(found, (each) => each.orderId, (each) => (this.edited?.orderId === each.orderId ? this.#form(each) : this.#row(each)))}
              </tbody>
            </table>
          `
        : html`<p class="empty">No open orders${this.onlyHere ? ` in ${symbol}` : ""}.</p>`}
    `;
  }

  /** @param {Order} order */
  #row(order) {
    const ending = this.ending.has(order.orderId);
    return html`
      <tr>
        ${this.#head(order)}
        <td class="number" data-label="Price">${digits(order.price)}</td>
        <td class="number" data-label="Stop">${digits(order.stopPrice)}</td>
        <td class="number" data-label="Quantity">${digits(order.orderQty)}</td>
        <td class="number" data-label="Filled">${digits(order.cumQty)}</td>
        <td data-label="Status">${statusOf(order.orderStatus)}</td>
        <td class="actions">
          <button type="button" class="plain small" aria-label="Edit ${named(order)}" ?disabled=${ending} @click=${() => this.#edit(order)}>Edit</button>
          <button type="button" class="plain small" aria-label="Cancel ${named(order)}" ?disabled=${ending} @click=${() => this.#cancel(order)}>Cancel</button>
        </td>
      </tr>
    `;
  }

  /** @param {Order} order */
  #head(order) {
    return html`
      <td data-label="Time">${whenOf(order.enteredAt)}</td>
      <td data-label="Market"><button type="button" class="link" @click=${() => this.app.show(order.symbol)}>${order.symbol}</button></td>
      <td data-label="Side" class=${order.side === "buy" ? "up" : "down"}>${sideOf(order.side)}</td>
      <td data-label="Type">${spaced(order.type ?? "")} <span class="dim">${(order.timeInForce ?? "").toUpperCase().replace("_", " ")}</span></td>
    `;
  }

  /** @param {Order} order */
  #form(order) {
    const edited = /** @type {NonNullable<typeof this.edited>} */ (this.edited);
    const input = (/** @type {"price" | "qty" | "stopPrice"} */ field, /** @type {string} */ label) => html`
      <input class="inline" inputmode="decimal" autocomplete="off" id="edit-${field}" aria-label=${label} .value=${edited[field]}
        @input=${(/** @type {any} */ event) => { edited[field] = event.target.value; }}
        @keydown=${(/** @type {KeyboardEvent} */ event) => this.#key(event, order)} />`;
    return html`
      <tr class="edited">
        ${this.#head(order)}
        <td class="number" data-label="Price">${order.price === null ? digits(null) : input("price", "New price")}</td>
        <td class="number" data-label="Stop">${order.stopPrice === null ? digits(null) : input("stopPrice", "New stop price")}</td>
        <td class="number" data-label="Quantity">${input("qty", "New quantity, what is filled included")}</td>
        <td class="number" data-label="Filled">${digits(order.cumQty)}</td>
        <td class="error" role="alert">${edited.error}</td>
        <td class="actions">
          <button type="button" class="primary small" ?disabled=${edited.busy} @click=${() => this.#save(order)}>Save</button>
          <button type="button" class="plain small" @click=${() => this.#leave()}>Leave</button>
        </td>
      </tr>
    `;
  }

  /** @param {Order} order */
  #edit(order) {
    this.edited = { orderId: order.orderId, price: order.price ?? "", qty: order.orderQty, stopPrice: order.stopPrice ?? "", error: "", busy: false };
    this.draw();
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const input = /** @type {HTMLInputElement | null} */ (document.querySelector("#edit-price") ?? document.querySelector("#edit-qty"));
      input?.focus();
      input?.select();
    }));
  }

  #leave() {
    this.edited = null;
    this.draw();
  }

  /** @param {KeyboardEvent} event @param {Order} order */
  #key(event, order) {
    if (event.key === "Enter") void this.#save(order);
    else if (event.key === "Escape") this.#leave();
    else return;
    event.preventDefault();
  }

  /** @param {Order} order */
  async #save(order) {
    const { edited } = this;
    if (!edited || edited.busy) return;
    /** @type {Record<string, string>} */
    const change = {};
    if (order.price !== null && edited.price.trim() !== order.price) change.price = edited.price.trim();
    if (order.stopPrice !== null && edited.stopPrice.trim() !== order.stopPrice) change.stopPrice = edited.stopPrice.trim();
    if (edited.qty.trim() !== order.orderQty) change.qty = edited.qty.trim();
    if (!Object.keys(change).length) {
      this.#leave();
      return;
    }
    edited.busy = true;
    this.draw();
    try {
      await this.app.orders.replace(order.orderId, change);
      if (this.edited === edited) this.edited = null;
      this.app.toasts.say("good", "Order changed", named(order));
    } catch (error) {
      edited.busy = false;
      edited.error = inWords(error);
      this.app.heard(error);
    }
    this.draw();
  }

  /** @param {Order} order */
  async #cancel(order) {
    this.ending.add(order.orderId);
    this.draw();
    try {
      await this.app.orders.cancel(order.orderId);
    } catch (error) {
      this.app.toasts.say("bad", "Not cancelled", inWords(error));
      this.app.heard(error);
    }
    this.ending.delete(order.orderId);
    this.draw();
  }

  /** Asks first. */
  async cancelAll() {
    const symbol = this.onlyHere ? this.app.market.instrument?.symbol : undefined;
    const count = this.app.orders.open.filter((each) => !symbol || each.symbol === symbol).length;
    if (!count) return;
    const where = symbol ? ` in ${symbol}` : " in all markets";
    if (!(await confirmed("Cancel all orders?", `${count} open ${count === 1 ? "order" : "orders"}${where} will be cancelled.`, "Cancel all"))) return;
    try {
      const { cancelled } = await this.app.orders.cancelAll(symbol);
      this.app.toasts.say("good", `${cancelled} ${cancelled === 1 ? "order" : "orders"} cancelled`);
    } catch (error) {
      this.app.toasts.say("bad", "Not cancelled", inWords(error));
      this.app.heard(error);
    }
  }
}

/** @param {Order} order */
function named(order) {
  return `${sideOf(order.side)} ${order.leavesQty} ${order.symbol}${order.price === null ? "" : ` at ${order.price}`}`;
}
