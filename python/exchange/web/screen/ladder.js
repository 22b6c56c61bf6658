// @ts-check
/**
 * The order book as a ladder around its spread. Rows are made once for what fits; of the book only what they
 * show is looked at, once a frame, so that 5,000 levels cost as much as fifty.
 */

import { format, grouped } from "../exchange/decimal.js";
import { groupOf } from "../exchange/order-book.js";
import { onceAFrame } from "../exchange/watched.js";
import { keep, kept } from "../exchange/kept.js";
import { fitted } from "./words.js";

/** @typedef {import("./app.js").App} App */
/** @typedef {import("../exchange/order-book.js").Level} Level */
/** @typedef {{ element: HTMLElement, bar: HTMLElement, cells: HTMLElement[], said: string[], kind: string, price: bigint | null }} Row */

const ROW_PX = 20;
const SIZE_CHARACTERS = 11;
const GROUPS = [1n, 2n, 5n, 10n, 20n, 50n, 100n, 200n, 500n, 1_000n, 2_000n, 5_000n, 10_000n];

export class Ladder {
  /** @param {HTMLElement} root @param {App} app */
  constructor(root, app) {
    this.root = root;
    this.app = app;
    this.group = 1n;
    this.offset = 0;
    this.marked = -1;
    this.frames = 0;
    /** @type {Row[]} */
    this.rows = [];
    this.symbol = "";
    this.note = /** @type {HTMLElement} */ (root.querySelector(".note"));
    this.body = /** @type {HTMLElement} */ (root.querySelector(".ladder"));
    this.select = /** @type {HTMLSelectElement} */ (root.querySelector("select"));
    this.size = /** @type {HTMLElement} */ (root.querySelector("[data-head=size]"));
    this.draw = onceAFrame(() => this.#draw());
    app.market.bookChanged.watch(this.draw);
    app.market.watch(this.draw);
    app.orders.watch(this.draw);
    app.stream.watch(this.draw);
    this.select.onchange = () => this.#regroup(BigInt(this.select.value));
    this.body.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.body.addEventListener("click", (event) => this.#click(event));
    this.body.addEventListener("keydown", (event) => this.#key(event));
    this.body.addEventListener("blur", () => this.#mark(-1));
    this.#drag();
    new ResizeObserver(() => this.#fit()).observe(this.body);
  }

  #fit() {
    const fits = Math.max(3, Math.floor(this.body.clientHeight / ROW_PX));
    while (this.rows.length > fits) this.rows.pop()?.element.remove();
    while (this.rows.length < fits) this.rows.push(this.#row());
    this.draw();
  }

  /** @returns {Row} */
  #row() {
    const element = document.createElement("div");
    element.setAttribute("role", "row");
    const bar = document.createElement("i");
    bar.setAttribute("role", "presentation");
    element.append(bar);
    const cells = ["price", "size", "total"].map((name) => {
      const cell = document.createElement("span");
      cell.setAttribute("role", "cell");
      cell.className = name;
      element.append(cell);
      return cell;
    });
    this.body.append(element);
    return { element, bar, cells, said: ["", "", ""], kind: "", price: null };
  }

  #draw() {
    const { market } = this.app;
    const { instrument, book } = market;
    if (!instrument || !book) return;
    if (instrument.symbol !== this.symbol) this.#begin(instrument.symbol);
    this.#say();
    const half = this.rows.length >> 1;
    const limit = (/** @type {number} */ most, /** @type {number} */ value) => Math.max(-most, Math.min(most, value));
    this.offset = limit(Math.max(book.bids.prices.length, book.asks.prices.length), this.offset);
    const asks = book.asks.levels(this.group, Math.max(0, half - this.offset));
    const bids = book.bids.levels(this.group, Math.max(0, this.rows.length - half - 1 + this.offset));
    const most = [asks, bids].reduce((found, side) => {
      const total = side[side.length - 1]?.total ?? 0n;
      return total > found ? total : found;
    }, 1n);
    const own = this.#own();
    this.rows.forEach((row, place) => {
      const from = place - half + this.offset;
      if (from === 0) this.#spread(row);
      else if (from < 0) this.#level(row, "ask", asks[-from - 1], most, own);
      else this.#level(row, "bid", bids[from - 1], most, own);
    });
    this.frames += 1;
    this.body.dataset.frames = String(this.frames);
  }

  /** @param {Row} row @param {string} kind @param {Level | undefined} level @param {bigint} most @param {Map<string, bigint>} own */
  #level(row, kind, level, most, own) {
    const { priceScale, qtyScale } = /** @type {import("../exchange/market-data.js").Instrument} */ (this.app.market.instrument);
    row.price = level ? level.price : null;
    const mine = level ? own.get(`${kind}${level.price}`) : undefined;
    const marked = row === this.rows[this.marked];
    const look = `${level ? kind : "blank"}${mine === undefined ? "" : " mine"}${marked ? " marked" : ""}`;
    if (row.kind !== look) {
      row.kind = look;
      row.element.className = look;
      row.element.title = "";
    }
    const title = mine === undefined ? "" : `Yours: ${format(mine, qtyScale)}`;
    if (row.element.title !== title) row.element.title = title;
    row.bar.style.transform = level ? `scaleX(${Number((level.total * 1000n) / most) / 1000})` : "scaleX(0)";
    this.#write(row, 0, level ? grouped(format(level.price, priceScale)) : "");
    this.#write(row, 1, level ? fitted(format(level.qty, qtyScale), SIZE_CHARACTERS) : "");
    this.#write(row, 2, level ? fitted(format(level.total, qtyScale), SIZE_CHARACTERS) : "");
  }

  /** @param {Row} row */
  #spread(row) {
    const { instrument, book, tickers } = this.app.market;
    if (!instrument || !book) return;
    row.price = null;
    if (row.kind !== "spread") {
      row.kind = "spread";
      row.element.className = "spread";
      row.element.title = "";
      row.bar.style.transform = "scaleX(0)";
    }
    const last = tickers.get(instrument.symbol)?.lastPrice;
    const { bestBid, bestAsk } = book;
    const spread = bestBid !== null && bestAsk !== null ? format(bestAsk - bestBid, instrument.priceScale) : "";
    this.#write(row, 0, last ? grouped(last) : "");
    this.#write(row, 1, spread ? "Spread" : "");
    this.#write(row, 2, spread ? grouped(spread) : "");
  }

  /** @param {Row} row @param {number} cell @param {string} text */
  #write(row, cell, text) {
    if (row.said[cell] === text) return;
    row.said[cell] = text;
    row.cells[cell].textContent = text;
  }

  /** @returns {Map<string, bigint>} By side and group, what of it is ours. */
  #own() {
    const { instrument } = this.app.market;
    /** @type {Map<string, bigint>} */
    const found = new Map();
    for (const { side, price, leaves } of this.app.restingOf(instrument?.symbol ?? "")) {
      const kind = side === "buy" ? "bid" : "ask";
      const name = `${kind}${groupOf(price, this.group, kind === "ask")}`;
      found.set(name, (found.get(name) ?? 0n) + leaves);
    }
    return found;
  }

  #say() {
    const { book } = this.app.market;
    const state = this.app.stream.state;
    const empty = book?.ready && !book.bids.prices.length && !book.asks.prices.length;
    const text = !book?.ready ? (state === "live" ? "Loading the book" : "Waiting for the connection") : empty ? "No orders yet" : "";
    if (this.note.textContent !== text) this.note.textContent = text;
    this.body.classList.toggle("stale", state !== "live");
  }

  /** @param {string} symbol */
  #begin(symbol) {
    const instrument = /** @type {import("../exchange/market-data.js").Instrument} */ (this.app.market.instrument);
    this.symbol = symbol;
    this.offset = 0;
    this.marked = -1;
    const before = kept(`group ${symbol}`);
    this.group = instrument.tick * (before && GROUPS.includes(BigInt(before)) ? BigInt(before) : 1n);
    this.select.replaceChildren(
      ...GROUPS.map((times) => new Option(grouped(format(instrument.tick * times, instrument.priceScale)), String(times))),
    );
    this.select.value = String(this.group / instrument.tick);
    this.size.textContent = `Size ${instrument.base}`;
  }

  /** @param {bigint} times How many ticks are one row. */
  #regroup(times) {
    const { instrument } = this.app.market;
    if (!instrument) return;
    this.group = instrument.tick * times;
    this.select.value = String(times);
    this.offset = 0;
    keep(`group ${instrument.symbol}`, String(times));
    this.draw();
  }

  /** @param {number} by Steps of coarser (1) or finer (-1) groups. */
  step(by) {
    const { instrument } = this.app.market;
    if (!instrument) return;
    const next = GROUPS[GROUPS.indexOf(this.group / instrument.tick) + by];
    if (next) this.#regroup(next);
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    this.#scroll(Math.sign(event.deltaY) * Math.max(1, Math.round(Math.abs(event.deltaY) / 40)));
  }

  /** @param {number} rows */
  #scroll(rows) {
    this.offset += rows;
    this.draw();
  }

  #drag() {
    let from = 0;
    this.body.addEventListener("touchstart", (event) => { from = event.touches[0].clientY; }, { passive: true });
    this.body.addEventListener("touchmove", (event) => {
      const rows = Math.trunc((from - event.touches[0].clientY) / ROW_PX);
      if (!rows) return;
      event.preventDefault();
      from -= rows * ROW_PX;
      this.#scroll(rows);
    }, { passive: false });
  }

  /** @param {Event} event */
  #click(event) {
    const element = /** @type {HTMLElement} */ (event.target).closest("[role=row]");
    const row = this.rows.find((each) => each.element === element);
    if (row?.kind.startsWith("spread")) this.#scroll(-this.offset);
    else if (row) this.#take(row);
  }

  /** @param {Row} row */
  #take(row) {
    if (row.price !== null) this.app.takePrice(row.price);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const half = this.rows.length >> 1;
    const page = Math.max(1, half - 1);
    if (event.key === "ArrowDown") this.#mark(this.marked < 0 ? half + 1 : this.marked + 1);
    else if (event.key === "ArrowUp") this.#mark(this.marked < 0 ? half - 1 : this.marked - 1);
    else if (event.key === "PageDown") this.#scroll(page);
    else if (event.key === "PageUp") this.#scroll(-page);
    else if (event.key === "Home") this.#scroll(-this.offset);
    else if (event.key === "Enter" && this.rows[this.marked]) this.#take(this.rows[this.marked]);
    else return;
    event.preventDefault();
  }

  /** @param {number} place */
  #mark(place) {
    const last = this.rows.length - 1;
    if (place > last) this.offset += 1;
    if (place < 0 && this.marked === 0) this.offset -= 1;
    this.marked = place < 0 && this.marked !== 0 ? -1 : Math.max(0, Math.min(last, place));
    this.draw();
  }
}
