// @ts-check
/** Orders of the account: live ones, those of the past, executions; and what is asked about them. */

import { ask } from "./gateway.js";
import { Watched } from "./watched.js";

/** @typedef {import("./stream.js").Update} Update */
/**
 * @typedef {object} Order
 * @property {string} orderId
 * @property {string} clientOrderId
 * @property {number} account
 * @property {string} symbol
 * @property {string} side
 * @property {string} type
 * @property {string} timeInForce
 * @property {string} orderStatus
 * @property {string} orderQty
 * @property {string} cumQty
 * @property {string} leavesQty
 * @property {string | null} price
 * @property {string | null} stopPrice
 * @property {string | null} averagePrice
 * @property {string | null} cancelReason
 * @property {number} reject
 * @property {string} enteredAt
 * @property {string | null} updatedAt
 * @property {string} sequence
 */
/**
 * @typedef {object} Execution
 * @property {string} execId
 * @property {string} tradeId
 * @property {string} orderId
 * @property {string} symbol
 * @property {string} side
 * @property {string} lastQty
 * @property {string} lastPrice
 * @property {string} leavesQty
 * @property {string} fee
 * @property {string} feeAsset
 * @property {string | null} liquidity
 * @property {string} timestamp
 */

const LIVE = new Set(["pending_new", "open", "partially_filled", "suspended"]);
const EXECUTIONS = 500;

export class Orders extends Watched {
  /** @param {import("./stream.js").Stream} stream */
  constructor(stream) {
    super();
    /** @type {Map<string, Order>} By order id. */
    this.live = new Map();
    this.known = false;
    /** @type {Execution[]} Newest first. */
    this.executions = [];
    /** @type {Set<string>} */
    this.executionIds = new Set();
    /** @type {Set<(execution: Execution) => void>} */
    this.filled = new Set();
    /** @type {number | undefined} */
    this.account = undefined;
    this.stream = stream;
    this.begun = false;
    stream.read("orders", (update) => this.#orders(update));
    stream.read("executions", (update) => this.#executions(update));
  }

  /** @param {number | undefined} account Whose orders; undefined: nobody's. */
  of(account) {
    this.account = account;
    this.live.clear();
    this.known = false;
    this.executions = [];
    this.executionIds.clear();
    this.begun = false;
    this.changed();
  }

  /** @returns {Order[]} Newest first. */
  get open() {
    return [...this.live.values()].sort((a, b) => (BigInt(b.orderId) > BigInt(a.orderId) ? 1 : -1));
  }

  /**
   * @param {object} order As of `POST /v1/orders`.
   * @returns {Promise<any>}
   */
  enter(order) {
    const body = { clientOrderId: freshId(), account: this.account, respType: "RESULT", ...order };
    return ask("POST", "/v1/orders", { body, named: true });
  }

  /**
   * @param {string} orderId
   * @param {{ price?: string, qty?: string, stopPrice?: string }} change
   */
  replace(orderId, change) {
    const body = { clientOrderId: freshId(), account: this.account, ...change };
    return ask("PATCH", `/v1/orders/${orderId}`, { body, named: true });
  }

  /** @param {string} orderId */
  cancel(orderId) {
    const query = { account: this.account, clientOrderId: freshId() };
    return ask("DELETE", `/v1/orders/${orderId}`, { query, named: true });
  }

  /**
   * @param {string} [symbol] Of one instrument, or all.
   * @returns {Promise<{ cancelled: number }>}
   */
  cancelAll(symbol) {
    const query = { account: this.account, symbol, clientOrderId: freshId() };
    return ask("DELETE", "/v1/orders", { query, named: true });
  }

  /**
   * @param {string | null} cursor
   * @returns {Promise<{ orders: Order[], nextCursor: string | null }>} A page of orders of the past, newest first.
   */
  past(cursor) {
    return ask("GET", "/v1/orders", { query: { account: this.account, limit: 50, cursor: cursor ?? undefined } });
  }

  /**
   * @param {string | null} cursor
   * @returns {Promise<{ executions: Execution[], nextCursor: string | null }>}
   */
  pastExecutions(cursor) {
    return ask("GET", "/v1/executions", { query: { account: this.account, limit: 50, cursor: cursor ?? undefined } });
  }

  /** @param {Update} update */
  #orders({ account, kind, data }) {
    if (account !== this.account) return;
    if (kind === "snapshot") this.live.clear();
    for (const order of data) {
      if (LIVE.has(order.orderStatus)) this.live.set(order.orderId, order);
      else this.live.delete(order.orderId);
    }
    this.known = true;
    this.changed();
  }

  /** @param {Update} update */
  #executions({ account, kind, data }) {
    if (account !== this.account) return;
    if (kind === "snapshot") {
      if (this.begun && this.stream.lostAt) void this.#missed(this.stream.lostAt);
      this.begun = true;
    }
    this.#take(data);
  }

  /**
   * What was filled while the connection was lost.
   *
   * @param {string} since The gateway's time before that.
   */
  async #missed(since) {
    const { account } = this;
    const query = { account, limit: 200, fromNs: `${Date.parse(since)}000000`, oldestFirst: "true" };
    try {
      const { executions } = await ask("GET", "/v1/executions", { query });
      if (account === this.account) this.#take(executions);
    } catch {
      // A gateway without a history has none of them; orders and balances are right without.
    }
  }

  /** @param {Execution[]} data Oldest first. */
  #take(data) {
    const fresh = data.filter((/** @type {Execution} */ each) => !this.executionIds.has(each.execId));
    for (const each of fresh) {
      this.executionIds.add(each.execId);
      for (const filled of this.filled) filled(each);
    }
    this.executions = [...fresh.reverse(), ...this.executions].slice(0, EXECUTIONS);
    if (this.executionIds.size > 4 * EXECUTIONS) this.executionIds = new Set(this.executions.map((each) => each.execId));
    this.changed();
  }
}

/** @returns {string} A name for a request, so that it can be sent again and is done once. */
export function freshId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `web-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
