// @ts-check
/**
 * What an order costs, before it is sent: the formulas of docs/venue.md, sections 5 and 6, in minor units.
 */

import { divCeil, power } from "./decimal.js";

/** @typedef {import("./market-data.js").Instrument} Instrument */
/** @typedef {import("./order-book.js").OrderBook} OrderBook */
/**
 * @typedef {object} Estimate
 * @property {bigint | null} value What is traded, in minor units of quote; null where no price is known.
 * @property {bigint | null} fee At most, in minor units of `feeAsset`.
 * @property {string} feeAsset
 * @property {bigint | null} reserve What is set aside, in minor units of `reserveAsset`.
 * @property {string} reserveAsset
 * @property {boolean} sure Whether it is so, or hangs on the book as it is now.
 * @property {boolean} whole Whether the book has as much as is asked for.
 */

const RATE = 1_000_000_000n;

/**
 * @param {object} asked
 * @param {string} asked.side
 * @param {bigint | null} asked.qty Lots.
 * @param {bigint | null} asked.price Ticks: where it is expected to trade; null: where the book is.
 * @param {bigint} asked.worst Ticks: the worst price that it may trade at.
 * @param {bigint | null} asked.quoteQty Minor units of quote to be spent.
 * @param {Instrument} instrument
 * @param {OrderBook | null} book
 * @returns {Estimate}
 */
export function estimate({ side, qty, price, worst, quoteQty }, instrument, book) {
  const buys = side === "buy";
  const lotUnits = power(instrument.baseScale - instrument.qtyScale);
  const notionalUnits = power(instrument.quoteScale - instrument.priceScale - instrument.qtyScale);
  const rate = BigInt(Math.max(instrument.makerRate, instrument.takerRate, 0));
  const feeIn = feeAsset(instrument, buys);
  let value = null;
  let sure = true;
  let whole = true;
  if (quoteQty !== null) {
    value = quoteQty;
    sure = false;
    qty = book && spend(quoteQty, notionalUnits, instrument, book);
  } else if (qty !== null && price !== null) {
    value = qty * price * notionalUnits;
  } else if (qty !== null && book) {
    const walked = walk(qty, buys, book);
    sure = false;
    whole = walked.whole;
    value = walked.lots === 0n ? null : walked.sum * notionalUnits;
  }
  let fee = null;
  if (feeIn === instrument.quote) fee = value === null ? null : divCeil(value * rate, RATE);
  else if (qty !== null) fee = divCeil(qty * lotUnits * rate, RATE);
  let reserve = null;
  if (quoteQty !== null) reserve = quoteQty;
  else if (buys && qty !== null) {
    const most = qty * worst * notionalUnits;
    reserve = most + (instrument.feeMode === "quote" ? divCeil(most * rate, RATE) : 0n);
  } else if (!buys && qty !== null) reserve = qty * lotUnits + (instrument.feeMode === "base" ? (fee ?? 0n) : 0n);
  return {
    value,
    fee,
    feeAsset: feeIn,
    reserve,
    reserveAsset: buys ? instrument.quote : instrument.base,
    sure,
    whole,
  };
}

/**
 * @param {Instrument} instrument
 * @param {boolean} buys
 * @returns {string} What the fee is paid in.
 */
function feeAsset(instrument, buys) {
  if (instrument.feeMode === "quote") return instrument.quote;
  if (instrument.feeMode === "base") return instrument.base;
  return buys ? instrument.base : instrument.quote;
}

/**
 * @param {bigint} qty Lots.
 * @param {boolean} buys
 * @param {OrderBook} book
 * @returns {{ sum: bigint, lots: bigint, whole: boolean }} Ticks times lots of what it would meet, best first.
 */
function walk(qty, buys, book) {
  const side = buys ? book.asks : book.bids;
  let left = qty;
  let sum = 0n;
  for (const price of side.prices) {
    if (left === 0n) break;
    const there = side.at.get(price)?.qty ?? 0n;
    const taken = there < left ? there : left;
    sum += taken * price;
    left -= taken;
  }
  return { sum, lots: qty - left, whole: left === 0n };
}

/**
 * @param {bigint} money Minor units of quote.
 * @param {bigint} notionalUnits
 * @param {Instrument} instrument
 * @param {OrderBook} book
 * @returns {bigint} Lots that it buys.
 */
function spend(money, notionalUnits, instrument, book) {
  const rate = instrument.feeMode === "quote" ? BigInt(Math.max(instrument.makerRate, instrument.takerRate, 0)) : 0n;
  let lots = 0n;
  let left = (money * RATE) / (RATE + rate);
  for (const price of book.asks.prices) {
    const one = price * notionalUnits;
    if (one <= 0n) continue;
    const there = book.asks.at.get(price)?.qty ?? 0n;
    const affordable = left / one;
    const taken = there < affordable ? there : affordable;
    lots += taken;
    left -= taken * one;
    if (taken < there) break;
  }
  return lots;
}

/**
 * The most lots that what is available pays for, fee included.
 *
 * @param {string} side
 * @param {bigint} available Minor units: of quote where it buys, of base where it sells.
 * @param {bigint | null} price Ticks.
 * @param {Instrument} instrument
 * @returns {bigint}
 */
export function affordable(side, available, price, instrument) {
  const rate = BigInt(Math.max(instrument.makerRate, instrument.takerRate, 0));
  if (available <= 0n) return 0n;
  if (side === "sell") {
    const lotUnits = power(instrument.baseScale - instrument.qtyScale);
    const net = instrument.feeMode === "base" ? (available * RATE) / (RATE + rate) : available;
    return net / lotUnits;
  }
  if (price === null || price <= 0n) return 0n;
  const one = price * power(instrument.quoteScale - instrument.priceScale - instrument.qtyScale);
  const net = instrument.feeMode === "quote" ? (available * RATE) / (RATE + rate) : available;
  return net / one;
}
