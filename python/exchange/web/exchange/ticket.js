// @ts-check
/** What is typed into order entry, and the order that it makes. */

import { format, parse } from "./decimal.js";
import { mayHave, ORDER_TYPES } from "./order-types.js";

/** @typedef {import("./market-data.js").Instrument} Instrument */

const WHERE_ABOVE_ZERO = /** @type {const} */ (["qty", "price", "stopPrice", "trail", "displayQty", "minQty", "quoteQty"]);

export class Ticket {
  constructor() {
    this.side = "buy";
    this.type = "limit";
    this.time = "gtc";
    this.qty = "";
    this.price = "";
    this.stopPrice = "";
    this.trail = "";
    this.offset = "";
    this.peg = "primary";
    this.displayQty = "";
    this.minQty = "";
    this.quoteQty = "";
    this.byQuote = false;
    this.postOnly = false;
    this.hidden = false;
    this.reduceOnly = false;
    this.stpMode = "cancel_newest";
    this.expireAt = "";
  }

  /** @returns {boolean} Whether it says how much money, not how much of the base. */
  get spends() {
    return this.byQuote && mayHave(this.type, this.time, this.side, "quoteQty");
  }

  /** @returns {boolean} Whether it is an iceberg. */
  get iceberg() {
    return this.displayQty.trim() !== "" && !this.hidden && mayHave(this.type, this.time, this.side, "displayQty");
  }

  /** @param {string} type With a time in force that it may have. */
  choose(type) {
    this.type = type;
    if (!ORDER_TYPES[type].times.includes(this.time)) this.time = ORDER_TYPES[type].times[0];
  }
}

/**
 * @typedef {object} Made
 * @property {Record<string, string | boolean>} order Of `POST /v1/orders`.
 * @property {Map<string, string>} faults By field, what is wrong with it.
 * @property {Set<string>} missing Fields that are needed and empty.
 * @property {bigint | null} qty Lots.
 * @property {bigint | null} price Ticks: of the limit, or where it would trade.
 * @property {bigint} worst Ticks: the worst that it may trade at.
 * @property {bigint | null} quoteQty Minor units.
 */

/**
 * @param {Ticket} ticket
 * @param {Instrument} instrument
 * @returns {Made}
 */
export function orderOf(ticket, instrument) {
  const type = ORDER_TYPES[ticket.type];
  /** @type {Made["order"]} */
  const order = { symbol: instrument.symbol, side: ticket.side, type: ticket.type, timeInForce: ticket.time };
  /** @type {Map<string, string>} */
  const faults = new Map();
  /** @type {Set<string>} */
  const missing = new Set();
  /** @type {Record<string, bigint>} */
  const read = {};

  const amount = (/** @type {string} */ field, /** @type {number} */ scale, /** @type {bigint} */ step, /** @type {boolean} */ needed) => {
    const text = /** @type {any} */ (ticket)[field].trim();
    if (!text) {
      if (needed) missing.add(field);
      return;
    }
    const value = parse(text, scale);
    if (value === null) faults.set(field, `A number with at most ${scale} places`);
    else if (value % step) faults.set(field, `A multiple of ${format(step, scale)}`);
    else if (/** @type {readonly string[]} */ (WHERE_ABOVE_ZERO).includes(field) && value <= 0n) faults.set(field, "More than 0");
    else {
      read[field] = value;
      order[field] = format(value, scale);
    }
  };

  if (ticket.spends) amount("quoteQty", instrument.quoteScale, 1n, true);
  else amount("qty", instrument.qtyScale, instrument.lot, true);
  for (const field of [...type.needs, ...type.may]) {
    if (field === "peg") order.peg = ticket.peg;
    else amount(field, instrument.priceScale, instrument.tick, type.needs.includes(field));
  }
  const may = (/** @type {any} */ option) => mayHave(ticket.type, ticket.time, ticket.side, option);
  if (may("displayQty") && !ticket.hidden) amount("displayQty", instrument.qtyScale, instrument.lot, false);
  if (may("minQty") && !ticket.spends) amount("minQty", instrument.qtyScale, instrument.lot, false);
  for (const flag of /** @type {const} */ (["postOnly", "hidden", "reduceOnly"])) {
    if (ticket[flag] && may(flag)) order[flag] = true;
  }
  if (ticket.stpMode !== "none") order.stpMode = ticket.stpMode;
  if (ticket.time === "gtd") {
    const at = ticket.expireAt ? new Date(ticket.expireAt) : null;
    if (!at) missing.add("expireAt");
    else if (Number.isNaN(at.getTime()) || at.getTime() <= Date.now()) faults.set("expireAt", "A time to come");
    else order.expireAt = at.toISOString();
  }
  bounds(read, instrument, faults);
  return { order, faults, missing, qty: read.qty ?? null, quoteQty: read.quoteQty ?? null, ...prices(ticket, read, instrument) };
}

/**
 * @param {Record<string, bigint>} read
 * @param {Instrument} instrument
 * @param {Map<string, string>} faults
 */
function bounds(read, instrument, faults) {
  if (read.qty > instrument.maxQty) faults.set("qty", `At most ${format(instrument.maxQty, instrument.qtyScale)}`);
  for (const field of ["price", "stopPrice"]) {
    const price = read[field];
    if (price === undefined) continue;
    if (price > instrument.maxPrice) faults.set(field, `At most ${format(instrument.maxPrice, instrument.priceScale)}`);
    if (price < instrument.minPrice) faults.set(field, `At least ${format(instrument.minPrice, instrument.priceScale)}`);
  }
  for (const part of ["displayQty", "minQty"]) {
    if (read[part] > read.qty) faults.set(part, "Not more than the quantity");
  }
}

/**
 * @param {Ticket} ticket
 * @param {Record<string, bigint>} read
 * @param {Instrument} instrument
 * @returns {{ price: bigint | null, worst: bigint }}
 */
function prices(ticket, read, instrument) {
  const limits = ["limit", "stop_limit", "pegged"].includes(ticket.type);
  const price = (limits ? read.price : read.stopPrice) ?? null;
  return { price, worst: limits && read.price !== undefined ? read.price : instrument.maxPrice };
}
