// @ts-check
/** Tells of fills: those of one order that come together are one note. */

import { format, parse, placesOf } from "../exchange/decimal.js";

/** @typedef {import("../exchange/orders.js").Execution} Execution */

const TOGETHER_MS = 300;

export class FillNotes {
  /** @param {import("../exchange/orders.js").Orders} orders @param {import("./toasts.js").Toasts} toasts */
  constructor(orders, toasts) {
    this.toasts = toasts;
    /** @type {Map<string, Execution[]>} By order. */
    this.waiting = new Map();
    orders.filled.add((execution) => this.#hear(execution));
  }

  /** @param {Execution} execution */
  #hear(execution) {
    const { orderId } = execution;
    const before = this.waiting.get(orderId);
    if (before) {
      before.push(execution);
      return;
    }
    this.waiting.set(orderId, [execution]);
    setTimeout(() => this.#say(orderId), TOGETHER_MS);
  }

  /** @param {string} orderId */
  #say(orderId) {
    const fills = this.waiting.get(orderId) ?? [];
    this.waiting.delete(orderId);
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
