// @ts-check
/** What the account has. */

import { Watched } from "./watched.js";

/** @typedef {import("./stream.js").Update} Update */
/** @typedef {{ asset: string, total: string, available: string, reserved: string, version: string }} Balance */
/** @typedef {{ symbol: string, position: string, openBuyQty: string, openSellQty: string, openOrders: number }} Position */

export class Accounts extends Watched {
  /** @param {import("./stream.js").Stream} stream */
  constructor(stream) {
    super();
    this.stream = stream;
    /** @type {number[]} */
    this.usable = [];
    /** @type {number | undefined} */
    this.account = undefined;
    /** @type {Map<string, Balance>} By asset. */
    this.balances = new Map();
    /** @type {Map<string, Position>} By symbol. */
    this.positions = new Map();
    this.known = false;
    stream.read("balances", (update) => this.#take(update, this.balances, "asset"));
    stream.read("positions", (update) => this.#take(update, this.positions, "symbol"));
  }

  /** @param {number | undefined} account The one to look at; undefined: none. */
  show(account) {
    this.account = account;
    this.balances.clear();
    this.positions.clear();
    this.known = false;
    const channels = ["orders", "executions", "balances", "positions"];
    this.stream.subscribe("account", account === undefined ? null : { channels, accounts: [account] });
    this.changed();
  }

  /**
   * @param {Update} update
   * @param {Map<string, any>} rows
   * @param {string} key
   */
  #take({ account, kind, data }, rows, key) {
    if (account !== this.account) return;
    if (kind === "snapshot") rows.clear();
    for (const row of data) rows.set(row[key], row);
    if (rows === this.balances) this.known = true;
    this.changed();
  }
}
