// @ts-check
/** Trades as they happen, newest on top. */

import { grouped } from "../exchange/decimal.js";
import { onceAFrame } from "../exchange/watched.js";
import { fitted, timeOf } from "./words.js";

/** @typedef {import("./app.js").App} App */

const ROW_PX = 20;
const SIZE_CHARACTERS = 11;

export class Tape {
  /** @param {HTMLElement} root @param {App} app */
  constructor(root, app) {
    this.app = app;
    this.body = /** @type {HTMLElement} */ (root.querySelector(".ladder"));
    this.note = /** @type {HTMLElement} */ (root.querySelector(".note"));
    /** @type {{ element: HTMLElement, cells: HTMLElement[], trade: unknown }[]} */
    this.rows = [];
    this.draw = onceAFrame(() => this.#draw());
    app.market.tapeChanged.watch(this.draw);
    app.stream.watch(this.draw);
    new ResizeObserver(() => this.#fit()).observe(this.body);
  }

  #fit() {
    const fits = Math.floor(this.body.clientHeight / ROW_PX);
    while (this.rows.length > fits) this.rows.pop()?.element.remove();
    while (this.rows.length < fits) {
      const element = document.createElement("div");
      element.setAttribute("role", "row");
      const cells = ["price", "size", "total"].map((name) => {
        const cell = element.appendChild(document.createElement("span"));
        cell.setAttribute("role", "cell");
        cell.className = name;
        return cell;
      });
      this.body.append(element);
      this.rows.push({ element, cells, trade: null });
    }
    this.draw();
  }

  #draw() {
    const { trades, tradesKnown } = this.app.market;
    const live = this.app.stream.state === "live";
    this.note.textContent = trades.length ? "" : tradesKnown ? "No trades yet" : live ? "Loading trades" : "Waiting for the connection";
    this.body.classList.toggle("stale", !live);
    this.rows.forEach((row, place) => {
      const trade = trades[place] ?? null;
      if (row.trade === trade) return;
      row.trade = trade;
      row.element.className = trade ? (trade.takerSide === "buy" ? "bid" : trade.takerSide === "sell" ? "ask" : "none") : "blank";
      const texts = trade ? [grouped(trade.price), fitted(trade.qty, SIZE_CHARACTERS), timeOf(trade.timestamp)] : ["", "", ""];
      texts.forEach((text, cell) => {
        row.cells[cell].textContent = text;
      });
    });
  }
}
