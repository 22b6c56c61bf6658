// @ts-check
/** One book by price, folded from a snapshot and the updates that join it. */

import { parse } from "./decimal.js";
import { crc32 } from "./crc32.js";

/** @typedef {[price: string, qty: string, orders: number]} Row */
/** @typedef {{ bids: Row[], asks: Row[], firstSequence?: string, lastSequence: string, checksum: number }} Told */
/** @typedef {{ price: bigint, qty: bigint, total: bigint, orders: number }} Level */

const CHECKED = 10;

/** That what is folded is not the book: a new snapshot has to come. */
export class BookParted extends Error {}

class Side {
  /** @param {boolean} ascending Whether the lowest price is the best. */
  constructor(ascending) {
    this.ascending = ascending;
    /** @type {bigint[]} Best first. */
    this.prices = [];
    /** @type {Map<bigint, { qty: bigint, orders: number }>} */
    this.at = new Map();
  }

  clear() {
    this.prices = [];
    this.at.clear();
  }

  /**
   * @param {bigint} price
   * @param {bigint} qty 0: the level is gone.
   * @param {number} orders
   */
  set(price, qty, orders) {
    const level = this.at.get(price);
    if (qty === 0n) {
      if (level) {
        this.at.delete(price);
        this.prices.splice(this.place(price), 1);
      }
    } else if (level) {
      level.qty = qty;
      level.orders = orders;
    } else {
      this.at.set(price, { qty, orders });
      this.prices.splice(this.place(price), 0, price);
    }
  }

  /**
   * @param {bigint} price
   * @returns {number} Where it is, or would be.
   */
  place(price) {
    let low = 0;
    let high = this.prices.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const before = this.ascending ? this.prices[middle] < price : this.prices[middle] > price;
      if (before) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * The levels in groups of so many ticks, best first, each with the sum up to it.
   *
   * @param {bigint} group Ticks; bids are put down to a multiple, asks up.
   * @param {number} most How many.
   * @returns {Level[]}
   */
  levels(group, most) {
    /** @type {Level[]} */
    const found = [];
    let total = 0n;
    for (const price of this.prices) {
      const level = /** @type {{ qty: bigint, orders: number }} */ (this.at.get(price));
      const bucket = group === 1n ? price : groupOf(price, group, this.ascending);
      const last = found[found.length - 1];
      if (last && last.price === bucket) {
        last.qty += level.qty;
        last.orders += level.orders;
        last.total += level.qty;
      } else {
        if (found.length === most) break;
        found.push({ price: bucket, qty: level.qty, orders: level.orders, total: total + level.qty });
      }
      total += level.qty;
    }
    return found;
  }
}

/**
 * @param {bigint} price
 * @param {bigint} group
 * @param {boolean} up
 * @returns {bigint} The multiple of the group that the price belongs to.
 */
export function groupOf(price, group, up) {
  const rest = ((price % group) + group) % group;
  if (rest === 0n) return price;
  return up ? price - rest + group : price - rest;
}

export class OrderBook {
  /**
   * @param {number} priceScale
   * @param {number} qtyScale
   */
  constructor(priceScale, qtyScale) {
    this.priceScale = priceScale;
    this.qtyScale = qtyScale;
    this.bids = new Side(false);
    this.asks = new Side(true);
    this.sequence = 0n;
    this.ready = false;
  }

  /** @param {Told} told The whole book. */
  begin(told) {
    this.bids.clear();
    this.asks.clear();
    this.#take(told);
    this.ready = true;
  }

  /**
   * @param {Told} told What follows.
   * @throws {BookParted} It does not follow, or the book after it is another one.
   */
  apply(told) {
    const first = BigInt(told.firstSequence ?? told.lastSequence);
    if (!this.ready || first !== this.sequence + 1n) {
      this.ready = false;
      throw new BookParted(`${told.firstSequence} does not follow ${this.sequence}`);
    }
    this.#take(told);
  }

  /** @param {Told} told */
  #take(told) {
    for (const [side, rows] of /** @type {const} */ ([[this.bids, told.bids], [this.asks, told.asks]])) {
      for (const [price, qty, orders] of rows) {
        const ticks = parse(price, this.priceScale);
        const lots = parse(qty, this.qtyScale);
        if (ticks === null || lots === null) throw new BookParted(`${price} x ${qty} is no level`);
        side.set(ticks, lots, orders);
      }
    }
    this.sequence = BigInt(told.lastSequence);
    if (typeof told.checksum === "number" && told.checksum !== this.checksum()) {
      this.ready = false;
      throw new BookParted(`the checksum at ${told.lastSequence} is another one`);
    }
  }

  /** @returns {number} CRC-32 of the ten best levels of each side, bids first. */
  checksum() {
    const rows = [this.bids, this.asks].map((side) => side.prices.slice(0, CHECKED));
    const bytes = new DataView(new ArrayBuffer((rows[0].length + rows[1].length) * 16));
    let at = 0;
    for (const [place, side] of [this.bids, this.asks].entries()) {
      for (const price of rows[place]) {
        bytes.setBigInt64(at, price, true);
        bytes.setBigInt64(at + 8, side.at.get(price)?.qty ?? 0n, true);
        at += 16;
      }
    }
    return crc32(new Uint8Array(bytes.buffer));
  }

  /** @returns {bigint | null} */
  get bestBid() {
    return this.bids.prices[0] ?? null;
  }

  /** @returns {bigint | null} */
  get bestAsk() {
    return this.asks.prices[0] ?? null;
  }
}
