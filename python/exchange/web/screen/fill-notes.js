// @ts-check
/** Tells of fills: those of one order that come together are one note; those of many orders are one, too. */

import { format, parse, placesOf } from "../exchange/decimal.js";
import { inWords } from "../exchange/gateway.js";

/** @typedef {import("../exchange/orders.js").Execution} Execution */

const TOGETHER_MS = 300;
const ORDERS_MAX = 3;

export class FillNotes {
  /** @param {import("../exchange/orders.js").Orders} orders @param {import("./toasts.js").Toasts} toasts */
  constructor(orders, toasts) {
    this.toasts = toasts;
    /** @type {Map<string, Execution[]>} By order. */
    this.waiting = new Map();
    orders.filled.add((execution) => this.#hear(execution));
    orders.unknown.add((error) => toasts.say("bad", "Fills may be missing here", `The connection was lost, and what was filled meanwhile cannot be asked for: ${inWords(error)}`));
  }

  /** @param {Execution} execution */
  #hear(execution) {
    if (!this.waiting.size) setTimeout(() => this.#say(), TOGETHER_MS);
    const before = this.waiting.get(execution.orderId);
    if (before) before.push(execution);
    else this.waiting.set(execution.orderId, [execution]);
  }

  #say() {
    const orders = [...this.waiting.values()];
    this.waiting.clear();
    if (orders.length <= ORDERS_MAX) {
      for (const fills of orders) this.#order(fills);
      return;
    }
    const fills = orders.reduce((count, each) => count + each.length, 0);
    this.toasts.say("fill", `${fills} fills of ${orders.length} orders`, "Each of them is in Trades.");
  }

  /** @param {Execution[]} fills */
  #order(fills) {
    const [first] = fills;
    const prices = [...new Set(fills.map((each) => each.lastPrice))];
    const at = prices.length === 1 ? `at ${prices[0]}` : `${fills.length} fills, the last at ${prices[prices.length - 1]}`;
    const verb = first.side === "buy" ? "Bought" : "Sold";
    this.toasts.say("fill", `${verb} ${sum(fills, "lastQty")} ${first.symbol}`, `${at}, fee ${sum(fills, "fee")} ${first.feeAsset}`);
  }
}

/** @param {Execution[]} fills @param {"lastQty" | "fee"} field @returns {string} */
function sum(fills, field) {
  const scale = placesOf(fills[0][field]);
  return format(fills.reduce((total, each) => total + (parse(each[field], scale) ?? 0n), 0n), scale);
}
