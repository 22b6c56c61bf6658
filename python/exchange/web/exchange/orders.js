// @ts-check
/** Orders of the account: live ones, those of the past, executions; and what is asked about them. */

import { ask, Problem } from "./gateway.js";
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
const EXECUTION_IDS = 10_000;
/** A fill is told up to a beat and the way to the log later than it has happened; what is told twice is known. */
const LATE_MS = 10_000;
const PAGE = 500;
const AGAIN_MS = [500, 1_000, 2_000, 4_000, 8_000];

export class Orders extends Watched {
  /** @param {import("./stream.js").Stream} stream */
  constructor(stream) {
    super();
    /** @type {Map<string, Order>} By order id. */
    this.live = new Map();
    this.known = false;
    /** How many of them a kill switch has cancelled. */
    this.killed = 0;
    /** @type {Execution[]} Newest first. */
    this.executions = [];
    /** @type {Set<string>} */
    this.executionIds = new Set();
    /** @type {Set<(execution: Execution) => void>} */
    this.filled = new Set();
    /** @type {number | undefined} */
    this.account = undefined;
    /** @type {Set<(error: unknown) => void>} Told where fills that were missed cannot be had. */
    this.unknown = new Set();
    this.stream = stream;
    /** The gateway's time when executions were first told; empty: they were not. */
    this.begun = "";
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
    this.begun = "";
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
      if (order.cancelReason === "kill") this.killed += 1;
    }
    this.known = true;
    this.changed();
  }

  /** @param {Update} update */
  #executions({ account, kind, data }) {
    if (account !== this.account) return;
    if (kind === "snapshot") {
      if (!this.begun) this.begun = this.stream.welcome.serverTime;
      else if (!this.stream.resumed) void this.#missed();
    }
    this.#take(data);
  }

  /**
   * What was filled while nothing was told, from the history: all of it, however much, as of now or later.
   */
  async #missed() {
    const { account, stream } = this;
    const since = Math.max(Date.parse(this.begun), Date.parse(stream.lostAt || stream.serverTime || this.begun) - LATE_MS);
    for (let tried = 0; account === this.account; tried += 1) {
      try {
        const { sequence } = await ask("GET", "/v1/balances", { query: { account } });
        const query = { account, limit: PAGE, fromNs: `${since}000000`, oldestFirst: "true", minSequence: sequence };
        /** @type {string | undefined} */
        let cursor;
        do {
          const { executions, nextCursor } = await ask("GET", "/v1/executions", { query: { ...query, cursor } });
          if (account !== this.account) return;
          this.#take(executions);
          cursor = nextCursor ?? undefined;
        } while (cursor);
        return;
      } catch (error) {
        if (!(error instanceof Problem) || !error.transient || tried === AGAIN_MS.length) {
          for (const each of this.unknown) each(error);
          return;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS[tried]));
    }
  }

  /** @param {Execution[]} data Oldest first; what is known already is not told again. */
  #take(data) {
    const fresh = data.filter((/** @type {Execution} */ each) => !this.executionIds.has(each.execId));
    for (const each of fresh) {
      this.executionIds.add(each.execId);
      for (const filled of this.filled) filled(each);
    }
    const all = [...fresh.reverse(), ...this.executions];
    if (fresh.length > 1) all.sort((a, b) => (BigInt(b.execId) > BigInt(a.execId) ? 1 : -1)); // what was missed may come late
    this.executions = all.slice(0, EXECUTIONS);
    for (const each of this.executionIds) {
      if (this.executionIds.size <= EXECUTION_IDS) break;
      this.executionIds.delete(each);
    }
    this.changed();
  }
}

/** @returns {string} A name for a request, so that it can be sent again and is done once. */
export function freshId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `web-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
