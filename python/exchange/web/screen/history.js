// @ts-check
/** What was: orders and executions of the past, a page at a time, newest first. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { inWords } from "../exchange/gateway.js";
import { digits, sideOf, spaced, statusOf, whenOf } from "./words.js";

/** @typedef {import("./app.js").App} App */

class Pages {
  /** @param {() => void} draw @param {(cursor: string | null) => Promise<{ rows: any[], next: string | null }>} ask */
  constructor(draw, ask) {
    this.draw = draw;
    this.ask = ask;
    /** @type {any[] | null} */
    this.rows = null;
    /** @type {string | null} */
    this.next = null;
    this.busy = false;
    this.error = "";
  }

  /** @param {boolean} more Whether the next page is meant, or the first one. */
  async load(more) {
    if (this.busy) return;
    this.busy = true;
    this.draw();
    try {
      const { rows, next } = await this.ask(more ? this.next : null);
      this.rows = more ? [...(this.rows ?? []), ...rows] : rows;
      this.next = next;
      this.error = "";
    } catch (error) {
      this.error = inWords(error);
    }
    this.busy = false;
    this.draw();
  }

  /** @param {string} none @param {(rows: any[]) => unknown} table */
  content(none, table) {
    if (this.error) return html`<p class="empty error" role="alert">${this.error} <button type="button" class="plain small" @click=${() => this.load(false)}>Try again</button></p>`;
    if (!this.rows) return html`<p class="empty">Loading</p>`;
    if (!this.rows.length) return html`<p class="empty">${none}</p>`;
    return html`${table(this.rows)}
      ${this.next === null ? nothing : html`<p class="strip"><button type="button" class="plain small" ?disabled=${this.busy} @click=${() => this.load(true)}>Older</button></p>`}`;
  }
}

export class PastOrders {
  /** @param {App} app @param {() => void} draw */
  constructor(app, draw) {
    this.title = "Order history";
    this.pages = new Pages(draw, async (cursor) => {
      const told = await app.orders.past(cursor);
      return { rows: told.orders, next: told.nextCursor };
    });
  }

  shown() {
    void this.pages.load(false);
  }

  content() {
    return this.pages.content("No orders yet.", (rows) => html`
      <table>
        <thead><tr><th scope="col">Time</th><th scope="col">Market</th><th scope="col">Side</th><th scope="col">Type</th><th scope="col" class="number">Price</th><th scope="col" class="number">Average</th><th scope="col" class="number">Quantity</th><th scope="col" class="number">Filled</th><th scope="col">Status</th></tr></thead>
        <tbody>
          ${repeat(rows, (each) => each.orderId, (each) => html`
            <tr>
              <td data-label="Time">${whenOf(each.enteredAt)}</td>
              <td data-label="Market">${each.symbol}</td>
              <td data-label="Side" class=${each.side === "buy" ? "up" : "down"}>${sideOf(each.side ?? "")}</td>
              <td data-label="Type">${spaced(each.type ?? "")}</td>
              <td data-label="Price" class="number">${digits(each.price)}</td>
              <td data-label="Average" class="number">${digits(each.averagePrice)}</td>
              <td data-label="Quantity" class="number">${digits(each.orderQty)}</td>
              <td data-label="Filled" class="number">${digits(each.cumQty)}</td>
              <td data-label="Status">${statusOf(each.orderStatus)}${each.reject ? ` (${each.reject})` : ""}${each.cancelReason && each.cancelReason !== "user" ? html` <span class="dim">${spaced(each.cancelReason).toLowerCase()}</span>` : nothing}</td>
            </tr>`)}
        </tbody>
      </table>`);
  }
}

export class PastExecutions {
  /** @param {App} app @param {() => void} draw */
  constructor(app, draw) {
    this.title = "Trades";
    this.app = app;
    this.pages = new Pages(draw, async (cursor) => {
      const told = await app.orders.pastExecutions(cursor);
      return { rows: told.executions, next: told.nextCursor };
    });
  }

  shown() {
    void this.pages.load(false);
  }

  content() {
    const seen = new Set((this.pages.rows ?? []).map((each) => each.execId));
    const fresh = this.app.orders.executions.filter((each) => !seen.has(each.execId));
    if (!this.pages.rows && !fresh.length) return this.pages.content("", () => nothing);
    if (this.pages.rows && !this.pages.rows.length && !fresh.length) return this.pages.content("No trades yet.", () => nothing);
    return html`
      <table>
        <thead><tr><th scope="col">Time</th><th scope="col">Market</th><th scope="col">Side</th><th scope="col" class="number">Price</th><th scope="col" class="number">Quantity</th><th scope="col" class="number">Fee</th><th scope="col">As</th><th scope="col" class="number">Trade</th></tr></thead>
        <tbody>
          ${repeat([...fresh, ...(this.pages.rows ?? [])], (each) => each.execId, (each) => html`
            <tr>
              <td data-label="Time">${whenOf(each.timestamp)}</td>
              <td data-label="Market">${each.symbol}</td>
              <td data-label="Side" class=${each.side === "buy" ? "up" : "down"}>${sideOf(each.side)}</td>
              <td data-label="Price" class="number">${digits(each.lastPrice)}</td>
              <td data-label="Quantity" class="number">${digits(each.lastQty)}</td>
              <td data-label="Fee" class="number">${digits(each.fee)} <span class="unit">${each.feeAsset}</span></td>
              <td data-label="As">${spaced(each.liquidity ?? "")}</td>
              <td data-label="Trade" class="number">${each.tradeId}</td>
            </tr>`)}
        </tbody>
      </table>
      ${this.pages.next === null ? nothing : html`<p class="strip"><button type="button" class="plain small" @click=${() => this.pages.load(true)}>Older</button></p>`}`;
  }
}
