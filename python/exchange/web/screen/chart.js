// @ts-check
/** Candles with their volume, and own orders as lines. Prices are numbers here, for they are only drawn. */

import { CandlestickSeries, HistogramSeries, createChart } from "../vendor/lightweight-charts/lightweight-charts.js";
import { INTERVALS } from "../exchange/market-data.js";
import { format } from "../exchange/decimal.js";
import { onceAFrame } from "../exchange/watched.js";
import { inWords, Problem } from "../exchange/gateway.js";
import { keep, kept } from "../exchange/kept.js";
import { sideOf } from "./words.js";

/** @typedef {import("./app.js").App} App */
/** @typedef {import("../exchange/market-data.js").Candle} Candle */

/** A market with fewer candles is a young one. */
const YOUNG = 5;
const SHOWN = 90;
const AGAIN_MS = 3_000;
const OLDER_FROM = 20;
const VOLUME_TOP = 0.82;

export class Chart {
  /** @param {HTMLElement} root @param {App} app */
  constructor(root, app) {
    this.app = app;
    this.root = root;
    this.note = /** @type {HTMLElement} */ (root.querySelector(".note"));
    this.box = /** @type {HTMLElement} */ (root.querySelector(".canvas"));
    this.chart = createChart(this.box, {
      autoSize: true,
      layout: { attributionLogo: false, fontSize: 11 },
      crosshair: { mode: 0 },
      timeScale: { timeVisible: true, secondsVisible: false, rightOffset: 6, tickMarkFormatter: tickMark },
      localization: { timeFormatter: (/** @type {number} */ time) => new Date(time * 1000).toLocaleString() },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, { borderVisible: false });
    this.volume = this.chart.addSeries(HistogramSeries, { priceScaleId: "", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: VOLUME_TOP, bottom: 0 } });
    this.candles.priceScale().applyOptions({ scaleMargins: { top: 0.06, bottom: 1 - VOLUME_TOP + 0.04 } });
    /** @type {Candle[]} Oldest first. */
    this.shown = [];
    this.bars = ["", ""];
    this.key = "";
    this.loading = false;
    this.whole = false;
    /** @type {Map<string, { line: any, says: string }>} */
    this.lines = new Map();
    const interval = kept("interval");
    if (interval && INTERVALS.includes(interval)) app.market.interval = interval;
    this.#buttons();
    this.look();
    app.market.watch(() => this.#begin());
    app.market.candleChanged.watch(() => this.#take());
    app.stream.watch(() => this.#reconnected());
    this.live = false;
    this.drawLines = onceAFrame(() => this.#lines());
    app.orders.watch(this.drawLines);
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((/** @type {any} */ range) => {
      if (range && range.from < OLDER_FROM) void this.#older();
    });
  }

  #buttons() {
    const group = /** @type {HTMLElement} */ (this.root.querySelector(".intervals"));
    for (const interval of INTERVALS) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = interval;
      button.onclick = () => {
        keep("interval", interval);
        this.app.market.showInterval(interval);
      };
      group.append(button);
    }
  }

  /** Takes its colours from the theme. */
  look() {
    const style = getComputedStyle(document.documentElement);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const [up, down] = [colour("--buy-line"), colour("--sell-line")];
    this.chart.applyOptions({
      layout: { background: { color: colour("--panel") }, textColor: colour("--muted"), fontFamily: style.getPropertyValue("--font") },
      grid: { vertLines: { color: colour("--grid") }, horzLines: { color: colour("--grid") } },
      rightPriceScale: { borderColor: colour("--border") },
      timeScale: { borderColor: colour("--border") },
    });
    this.bars = [colour("--buy-bar"), colour("--sell-bar")];
    this.candles.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down });
    this.#draw();
    for (const [id] of this.lines) this.#drop(id);
    this.#lines();
  }

  #begin() {
    const { instrument, interval } = this.app.market;
    for (const button of this.root.querySelectorAll(".intervals button")) {
      button.setAttribute("aria-pressed", String(button.textContent === interval));
    }
    if (!instrument) return;
    const key = `${instrument.symbol} ${interval}`;
    if (key === this.key) return;
    this.key = key;
    this.shown = [];
    this.whole = false;
    this.candles.applyOptions({ priceFormat: { type: "price", precision: instrument.priceScale, minMove: Number(format(instrument.tick, instrument.priceScale)) } });
    this.chart.applyOptions({ timeScale: { secondsVisible: interval === "1s" } });
    this.#draw();
    this.#lines();
    void this.#load();
  }

  #reconnected() {
    const live = this.app.stream.state === "live";
    if (live && !this.live && this.shown.length) void this.#load();
    this.live = live;
  }

  async #load() {
    const key = this.key;
    const [symbol, interval] = key.split(" ");
    if (!this.shown.length) this.note.textContent = "Loading candles";
    try {
      const candles = await this.app.market.candles(symbol, interval);
      if (key !== this.key) return;
      if (candles.length < YOUNG) this.app.market.lookClosely();
      const newest = candles[candles.length - 1]?.start ?? "";
      this.shown = [...candles, ...this.shown.filter((each) => each.start > newest)];
      this.note.textContent = this.shown.length ? "" : "No trades yet";
      this.#draw();
      this.chart.timeScale().setVisibleLogicalRange({ from: this.shown.length - SHOWN, to: this.shown.length + 6 });
    } catch (error) {
      if (key !== this.key) return;
      this.note.textContent = inWords(error);
      if (error instanceof Problem && error.transient) setTimeout(() => key === this.key && void this.#load(), AGAIN_MS);
    }
  }

  async #older() {
    if (this.loading || this.whole || !this.shown.length) return;
    this.loading = true;
    const key = this.key;
    const [symbol, interval] = key.split(" ");
    try {
      const first = this.shown[0].start;
      const older = (await this.app.market.candles(symbol, interval, first)).filter((each) => each.start < first);
      if (key !== this.key) return;
      this.whole = older.length === 0;
      if (older.length) {
        this.shown = [...older, ...this.shown];
        this.#draw();
      }
    } catch {
      this.whole = true;
    } finally {
      this.loading = false;
    }
  }

  #take() {
    const last = this.app.market.lastCandle;
    if (!last || `${last.symbol} ${last.interval}` !== this.key) return;
    const before = this.shown[this.shown.length - 1];
    if (before && last.candle.start < before.start) return;
    if (before?.start === last.candle.start) this.shown[this.shown.length - 1] = last.candle;
    else this.shown.push(last.candle);
    this.note.textContent = "";
    this.candles.update(barOf(last.candle));
    this.volume.update(this.#volumeOf(last.candle));
  }

  #draw() {
    this.candles.setData(this.shown.map(barOf));
    this.volume.setData(this.shown.map((each) => this.#volumeOf(each)));
  }

  /** @param {Candle} candle */
  #volumeOf(candle) {
    const rose = Number(candle.close) >= Number(candle.open);
    return { time: timeOf(candle), value: Number(candle.volume), color: this.bars[rose ? 0 : 1] };
  }

  #lines() {
    const symbol = this.app.market.instrument?.symbol;
    /** @type {Set<string>} */
    const seen = new Set();
    const style = getComputedStyle(document.documentElement);
    for (const order of this.app.orders.open) {
      const price = order.price ?? order.stopPrice;
      if (order.symbol !== symbol || price === null) continue;
      seen.add(order.orderId);
      const says = `${order.side} ${price} ${order.leavesQty}`;
      if (this.lines.get(order.orderId)?.says === says) continue;
      this.#drop(order.orderId);
      const line = this.candles.createPriceLine({
        price: Number(price),
        color: style.getPropertyValue(order.side === "buy" ? "--buy-line" : "--sell-line").trim(),
        lineWidth: 1,
        lineStyle: order.price === null ? 1 : 2,
        axisLabelVisible: true,
        title: `${sideOf(order.side)} ${order.leavesQty}`,
      });
      this.lines.set(order.orderId, { line, says });
    }
    for (const id of [...this.lines.keys()]) if (!seen.has(id)) this.#drop(id);
  }

  /** @param {string} id */
  #drop(id) {
    const found = this.lines.get(id);
    if (found) this.candles.removePriceLine(found.line);
    this.lines.delete(id);
  }
}

/** @param {Candle} candle */
function timeOf(candle) {
  return /** @type {any} */ (Math.floor(Date.parse(candle.start) / 1000));
}

/** @param {Candle} candle */
function barOf(candle) {
  return { time: timeOf(candle), open: Number(candle.open), high: Number(candle.high), low: Number(candle.low), close: Number(candle.close) };
}

/** @param {any} time @param {number} kind Year, month, day, minute, second. */
function tickMark(time, kind) {
  const date = new Date(time * 1000);
  if (kind === 0) return String(date.getFullYear());
  if (kind === 1) return date.toLocaleDateString(undefined, { month: "short" });
  if (kind === 2) return date.toLocaleDateString(undefined, { month: "short", day: "numeric" });
  const parts = /** @type {Intl.DateTimeFormatOptions} */ ({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return date.toLocaleTimeString(undefined, kind === 4 ? { ...parts, second: "2-digit" } : parts);
}
