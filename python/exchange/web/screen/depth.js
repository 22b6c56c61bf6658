// @ts-check
/** How much rests up to each price, drawn on a canvas. Numbers here are only drawn. */

import { format, grouped } from "../exchange/decimal.js";
import { onceAFrame } from "../exchange/watched.js";

/** @typedef {import("./app.js").App} App */
/** @typedef {import("../exchange/order-book.js").Level} Level */

const LEVELS = 5_000;
const EVERY_MS = 150;
const RANK = 0.7;
const BOTTOM_PX = 22;

export class Depth {
  /** @param {HTMLElement} root @param {App} app */
  constructor(root, app) {
    this.app = app;
    this.canvas = /** @type {HTMLCanvasElement} */ (root.querySelector(".depth canvas"));
    this.says = /** @type {HTMLElement} */ (root.querySelector(".depth .says"));
    this.box = /** @type {HTMLElement} */ (this.canvas.parentElement);
    this.zoom = 1;
    /** @type {number | null} */
    this.pointer = null;
    this.drawnAt = 0;
    this.draw = onceAFrame(() => this.#draw());
    app.market.bookChanged.watch(() => {
      if (performance.now() - this.drawnAt > EVERY_MS) this.draw();
    });
    new ResizeObserver(this.draw).observe(this.box);
    this.canvas.addEventListener("pointermove", (event) => { this.pointer = event.offsetX; this.draw(); });
    this.canvas.addEventListener("pointerleave", () => { this.pointer = null; this.draw(); });
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom = Math.min(8, Math.max(0.05, this.zoom * (event.deltaY > 0 ? 1.15 : 1 / 1.15)));
      this.draw();
    }, { passive: false });
  }

  #draw() {
    const { instrument, book } = this.app.market;
    const [width, height] = [this.box.clientWidth, this.box.clientHeight];
    if (!width || !height || !instrument || !book) return;
    this.drawnAt = performance.now();
    const ratio = devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * ratio)) this.canvas.width = Math.round(width * ratio);
    if (this.canvas.height !== Math.round(height * ratio)) this.canvas.height = Math.round(height * ratio);
    const pen = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const style = getComputedStyle(document.documentElement);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const bids = book.bids.levels(1n, LEVELS);
    const asks = book.asks.levels(1n, LEVELS);
    this.says.textContent = bids.length || asks.length ? "" : "No orders yet";
    if (!bids.length && !asks.length) return;
    const middle = middleOf(bids, asks);
    const reach = Math.max(reachOf(bids, middle), reachOf(asks, middle), Number(instrument.tick) * 4) * this.zoom;
    const most = Math.max(totalWithin(bids, middle, reach), totalWithin(asks, middle, reach), 1);
    const bottom = height - BOTTOM_PX;
    const x = (/** @type {number} */ price) => width / 2 + ((price - middle) / reach) * (width / 2);
    const y = (/** @type {number} */ total) => bottom - (total / most) * (bottom - 12);
    for (const [side, edge, line, fill] of /** @type {const} */ ([
      [bids, 0, "--buy-line", "--buy-bar"],
      [asks, width, "--sell-line", "--sell-bar"],
    ])) {
      if (!side.length) continue;
      pen.beginPath();
      pen.moveTo(x(Number(side[0].price)), bottom);
      let total = 0;
      for (const level of side) {
        const at = x(Number(level.price));
        pen.lineTo(at, y(total));
        total = Number(level.total);
        pen.lineTo(at, y(total));
        if (at < 0 || at > width) break;
      }
      pen.lineTo(edge, y(total));
      pen.strokeStyle = colour(line);
      pen.lineWidth = 1.5;
      pen.stroke();
      pen.lineTo(edge, bottom);
      pen.closePath();
      pen.fillStyle = colour(fill);
      pen.fill();
    }
    this.#axis(pen, colour("--muted"), width, height, (place) => middle + ((place - width / 2) / (width / 2)) * reach);
    if (this.pointer !== null) this.#point(pen, this.pointer, { bids, asks, middle, reach, width, bottom, y, colour });
  }

  /** @param {CanvasRenderingContext2D} pen @param {string} colour @param {number} width @param {number} height @param {(place: number) => number} priceAt */
  #axis(pen, colour, width, height, priceAt) {
    const { priceScale } = /** @type {import("../exchange/market-data.js").Instrument} */ (this.app.market.instrument);
    pen.fillStyle = colour;
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "center";
    for (const part of [0.12, 0.31, 0.5, 0.69, 0.88]) {
      const price = BigInt(Math.max(0, Math.round(priceAt(part * width))));
      pen.fillText(grouped(format(price, priceScale)), part * width, height - 6);
    }
  }

  /** @param {CanvasRenderingContext2D} pen @param {number} at @param {any} drawn */
  #point(pen, at, { bids, asks, middle, reach, width, bottom, y, colour }) {
    const instrument = /** @type {import("../exchange/market-data.js").Instrument} */ (this.app.market.instrument);
    const price = middle + ((at - width / 2) / (width / 2)) * reach;
    const side = price < middle ? bids : asks;
    let found = null;
    for (const level of side) {
      if (price < middle ? Number(level.price) < price : Number(level.price) > price) break;
      found = level;
    }
    const total = found ? Number(found.total) : 0;
    pen.strokeStyle = colour("--muted");
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(at, 0);
    pen.lineTo(at, bottom);
    pen.stroke();
    pen.beginPath();
    pen.arc(at, y(total), 3.5, 0, 7);
    pen.fillStyle = colour("--text");
    pen.fill();
    const right = at < width / 2;
    pen.textAlign = right ? "left" : "right";
    const says = [
      `${grouped(format(BigInt(Math.max(0, Math.round(price))), instrument.priceScale))} ${instrument.quote}`,
      `${grouped(format(found ? found.total : 0n, instrument.qtyScale))} ${instrument.base}`,
    ];
    says.forEach((text, line) => pen.fillText(text, at + (right ? 8 : -8), 16 + line * 15));
  }
}

/** @param {Level[]} bids @param {Level[]} asks @returns {number} */
function middleOf(bids, asks) {
  if (!bids.length) return Number(asks[0].price);
  if (!asks.length) return Number(bids[0].price);
  return (Number(bids[0].price) + Number(asks[0].price)) / 2;
}

/** @param {Level[]} side @param {number} middle @returns {number} How far most of its levels are: some lie far out. */
function reachOf(side, middle) {
  const level = side[Math.floor((side.length - 1) * RANK)];
  return level ? Math.abs(Number(level.price) - middle) : 0;
}

/** @param {Level[]} side @param {number} middle @param {number} reach @returns {number} */
function totalWithin(side, middle, reach) {
  let total = 0;
  for (const level of side) {
    if (Math.abs(Number(level.price) - middle) > reach) break;
    total = Number(level.total);
  }
  return total;
}
