// @ts-check
/** What the account has, and its positions. */

import { html } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { digits } from "./words.js";

/** @typedef {import("./app.js").App} App */

export class Balances {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    this.title = "Balances";
  }

  shown() {}

  content() {
    const { accounts } = this.app;
    if (!accounts.known) return html`<p class="empty">Loading balances</p>`;
    const rows = [...accounts.balances.values()].sort((a, b) => a.asset.localeCompare(b.asset));
    if (!rows.length) return html`<p class="empty">Account ${accounts.account} has nothing yet.</p>`;
    return html`
      <table>
        <thead><tr><th scope="col">Asset</th><th scope="col" class="number">Available</th><th scope="col" class="number">Reserved</th><th scope="col" class="number">Total</th></tr></thead>
        <tbody>
          ${repeat(rows, (each) => each.asset, (each) => html`
            <tr><th scope="row" data-label="Asset">${each.asset}</th><td data-label="Available" class="number">${digits(each.available)}</td><td data-label="Reserved" class="number">${digits(each.reserved)}</td><td data-label="Total" class="number">${digits(each.total)}</td></tr>`)}
        </tbody>
      </table>`;
  }
}

export class Positions {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    this.title = "Positions";
  }

  shown() {}

  content() {
    const { accounts } = this.app;
    if (!accounts.known) return html`<p class="empty">Loading positions</p>`;
    const rows = [...accounts.positions.values()].sort((a, b) => a.symbol.localeCompare(b.symbol));
    if (!rows.length) return html`<p class="empty">No positions.</p>`;
    return html`
      <table>
        <thead><tr><th scope="col">Market</th><th scope="col" class="number">Position</th><th scope="col" class="number">Open buys</th><th scope="col" class="number">Open sells</th><th scope="col" class="number">Orders</th></tr></thead>
        <tbody>
          ${repeat(rows, (each) => each.symbol, (each) => html`
            <tr><th scope="row" data-label="Market">${each.symbol}</th><td data-label="Position" class="number ${each.position.startsWith("-") ? "down" : "up"}">${digits(each.position)}</td><td data-label="Open buys" class="number">${digits(each.openBuyQty)}</td><td data-label="Open sells" class="number">${digits(each.openSellQty)}</td><td data-label="Orders" class="number">${each.openOrders}</td></tr>`)}
        </tbody>
      </table>`;
  }
}
