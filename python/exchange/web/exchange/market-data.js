// @ts-check
/** Instruments, and of the one that is looked at: ticker, book, trades, candles, mark. */

import { ask } from "./gateway.js";
import { parse, placesOf } from "./decimal.js";
import { BookParted, OrderBook } from "./order-book.js";
import { Watched } from "./watched.js";

/** @typedef {import("./stream.js").Update} Update */
/**
 * @typedef {object} Instrument
 * @property {string} symbol
 * @property {string} base
 * @property {string} quote
 * @property {string | null} phase
 * @property {number} priceScale
 * @property {number} qtyScale
 * @property {number} baseScale Places of the base asset.
 * @property {number} quoteScale Places of the quote asset.
 * @property {bigint} tick In ticks of the scale.
 * @property {bigint} lot
 * @property {bigint} minPrice
 * @property {bigint} maxPrice
 * @property {bigint} maxQty
 * @property {number} makerRate In 1e-9.
 * @property {number} takerRate
 * @property {string | null} feeMode
 */
/** @typedef {{ tradeId: string, price: string, qty: string, takerSide: string | null, timestamp: string }} Trade */
/** @typedef {{ start: string, open: string, high: string, low: string, close: string, volume: string }} Candle */

const TRADES = 200;
const TICKERS_MS = 5_000;
const RANKED_MS = 1_000;
export const INTERVALS = ["1s", "1m", "5m", "15m", "1h", "4h", "1d"];

export class MarketData extends Watched {
  /** @param {import("./stream.js").Stream} stream */
  constructor(stream) {
    super();
    this.stream = stream;
    /** @type {Map<string, Instrument>} */
    this.instruments = new Map();
    /** @type {Map<string, any>} Of all symbols, as far as they are known. */
    this.tickers = new Map();
    /** @type {Instrument | null} */
    this.instrument = null;
    this.interval = "1m";
    this.intervalChosen = false;
    /** @type {OrderBook | null} */
    this.book = null;
    /** @type {any} */
    this.mark = null;
    /** @type {Trade[]} Newest first. */
    this.trades = [];
    this.tradesKnown = false;
    this.bookChanged = new Watched();
    this.tapeChanged = new Watched();
    this.candleChanged = new Watched();
    /** @type {{ symbol: string, interval: string, candle: Candle } | null} */
    this.lastCandle = null;
    stream.read("ticker", (update) => this.#ticker(update));
    stream.read("mark", (update) => this.#mark(update));
    stream.read("book", (update) => this.#book(update));
    stream.read("trades", (update) => this.#trades(update));
    stream.read("candles", (update) => this.#candle(update));
  }

  /**
   * Asks for all instruments and their tickers.
   *
   * @param {boolean} ranked Whether tickers are waited for, a moment: who names no instrument gets the busiest one.
   */
  async load(ranked) {
    const told = await ask("GET", "/v1/instruments");
    const scales = new Map(told.assets.map((/** @type {any} */ each) => [each.symbol, each.scale]));
    this.instruments = new Map(told.instruments.map((/** @type {any} */ each) => [each.symbol, instrumentOf(each, scales)]));
    this.changed();
    const tickers = this.#loadTickers();
    if (ranked) await Promise.race([tickers, new Promise((resolve) => setTimeout(resolve, RANKED_MS))]);
    setInterval(() => document.visibilityState === "visible" && this.#loadTickers(), TICKERS_MS);
  }

  async #loadTickers() {
    try {
      const { tickers } = await ask("GET", "/v2/tickers?limit=1000");
      for (const each of tickers) {
        if (each.symbol !== this.instrument?.symbol || !this.tickers.has(each.symbol)) {
          this.tickers.set(each.symbol, each);
        }
      }
      this.changed();
    } catch {
      // The list is dressed with prices, and goes without them.
    }
  }

  /** @param {string} symbol The one to look at. */
  show(symbol) {
    const instrument = this.instruments.get(symbol);
    if (!instrument || instrument === this.instrument) return;
    this.instrument = instrument;
    this.book = new OrderBook(instrument.priceScale, instrument.qtyScale);
    this.mark = null;
    this.trades = [];
    this.tradesKnown = false;
    for (const channel of ["book", "ticker", "trades"]) {
      this.stream.subscribe(channel, { channels: [channel], instrumentIds: [symbol] });
    }
    this.#askCandles();
    this.stream.subscribe("mark", { channels: ["mark"], instrumentIds: [symbol] });
    this.changed();
    this.bookChanged.changed();
    this.tapeChanged.changed();
  }

  /** @param {string} interval Of candles, as somebody wishes. */
  showInterval(interval) {
    this.intervalChosen = true;
    this.#useInterval(interval);
  }

  /** A market of a few minutes is looked at by the second, until somebody wishes otherwise. */
  lookClosely() {
    if (!this.intervalChosen && this.interval !== INTERVALS[0]) this.#useInterval(INTERVALS[0]);
  }

  /** @param {string} interval */
  #useInterval(interval) {
    this.interval = interval;
    if (this.instrument) this.#askCandles();
    this.changed();
  }

  #askCandles() {
    const symbol = this.instrument?.symbol ?? "";
    this.stream.subscribe("candles", { channels: ["candles"], instrumentIds: [symbol], interval: this.interval });
  }

  /**
   * @param {string} symbol
   * @param {string} interval
   * @param {string} [before] RFC 3339: the candles that ended by then; the last ones where nothing is said.
   * @returns {Promise<Candle[]>} Oldest first.
   */
  async candles(symbol, interval, before) {
    const limit = 500;
    const query = before === undefined ? { interval, limit } : { interval, limit, ...windowBefore(before, interval, limit) };
    return (await ask("GET", `/v1/instruments/${encodeURIComponent(symbol)}/candles`, { query })).candles;
  }

  /** @param {Update} update */
  #ticker({ symbol, data }) {
    this.tickers.set(symbol ?? data.symbol, { ...data, symbol });
    this.changed();
  }

  /** @param {Update} update */
  #mark({ symbol, data }) {
    if (symbol !== this.instrument?.symbol) return;
    this.mark = data;
    this.changed();
  }

  /** @param {Update} update */
  #book({ symbol, kind, data }) {
    if (symbol !== this.instrument?.symbol || !this.book) return;
    try {
      if (kind === "snapshot") this.book.begin(data);
      else if (this.book.ready) this.book.apply(data);
    } catch (error) {
      if (!(error instanceof BookParted)) throw error;
      this.stream.mend("book");
    }
    this.bookChanged.changed();
  }

  /** @param {Update} update */
  #trades({ symbol, kind, data }) {
    if (symbol !== this.instrument?.symbol) return;
    const fresh = [...data].reverse();
    this.trades = (kind === "snapshot" ? fresh : [...fresh, ...this.trades]).slice(0, TRADES);
    this.tradesKnown = true;
    this.tapeChanged.changed();
  }

  /** @param {Update} update */
  #candle({ symbol, data }) {
    if (symbol !== this.instrument?.symbol || data.interval !== this.interval) return;
    this.lastCandle = { symbol: symbol ?? "", interval: data.interval, candle: data.candle };
    this.candleChanged.changed();
  }
}

const SECONDS = /** @type {Record<string, number>} */ ({ "1s": 1, "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "4h": 14_400, "1d": 86_400 });

/**
 * @param {string} before
 * @param {string} interval
 * @param {number} count
 */
function windowBefore(before, interval, count) {
  const to = BigInt(Date.parse(before)) * 1_000_000n;
  const from = to - BigInt(SECONDS[interval] * count) * 1_000_000_000n;
  return { fromNs: String(from > 0n ? from : 0n), toNs: String(to) };
}

/**
 * @param {any} told
 * @param {Map<string, number>} scales Of assets.
 * @returns {Instrument}
 */
function instrumentOf(told, scales) {
  const { priceScale, qtyScale } = told;
  const price = (/** @type {string} */ text) => parse(text, Math.max(priceScale, placesOf(text))) ?? 0n;
  const qty = (/** @type {string} */ text) => parse(text, Math.max(qtyScale, placesOf(text))) ?? 0n;
  return {
    ...told,
    baseScale: scales.get(told.base) ?? qtyScale,
    quoteScale: scales.get(told.quote) ?? priceScale + qtyScale,
    tick: price(told.tickSize),
    lot: qty(told.lotSize),
    minPrice: price(told.minPrice),
    maxPrice: price(told.maxPrice),
    maxQty: qty(told.maxQty),
  };
}
