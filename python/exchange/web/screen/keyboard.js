// @ts-check
/** What keys do, and the page that says so. */

import { html } from "../vendor/lit-html/lit-html.js";
import { INTERVALS } from "../exchange/market-data.js";
import { openDialog } from "./dialogs.js";

/** @typedef {import("./app.js").App} App */

/** @type {[keys: string, does: string][]} */
const KEYS = [
  ["/", "Choose an instrument"],
  ["B", "Buy"],
  ["S", "Sell"],
  ["P", "Price"],
  ["Q", "Quantity"],
  ["↑ ↓", "In a field: one step up or down; with Shift ten"],
  ["Enter", "In order entry: send the order"],
  ["L", "To the ladder: ↑ ↓ choose a price, Enter takes it, Home is the middle"],
  ["+ −", "Coarser or finer ladder"],
  ["O", "Open orders"],
  ["X", "Cancel all orders, after a question"],
  ["K", "Kill switch: stop the account, after a question"],
  ["1 – 7", `Candles of ${INTERVALS.join(", ")}`],
  ["D", "Candles or depth"],
  ["T", "Light or dark"],
  ["Esc", "Leave a field or a dialog"],
  ["?", "This page"],
];

/** @param {App} app */
export function listenToKeys(app) {
  /** @type {Record<string, () => void>} */
  const does = {
    "/": () => app.symbolBar.open(),
    b: () => { app.go("trade"); app.entry.choose("buy"); app.entry.focus("qty"); },
    s: () => { app.go("trade"); app.entry.choose("sell"); app.entry.focus("qty"); },
    p: () => { app.go("trade"); app.entry.focus("price"); },
    q: () => { app.go("trade"); app.entry.focus("qty"); },
    l: () => { app.go("book"); app.ladder.body.focus(); },
    "+": () => app.ladder.step(1),
    "-": () => app.ladder.step(-1),
    o: () => { app.go("orders"); app.blotter.show(0); },
    x: () => void app.blotter.open.cancelAll(),
    k: () => void app.killSwitch.ask(),
    d: () => app.showDepth(),
    t: () => app.switchTheme(),
    "?": () => showKeys(),
  };
  INTERVALS.forEach((interval, place) => {
    does[String(place + 1)] = () => app.market.showInterval(interval);
  });
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (target instanceof HTMLElement && target.matches("input, select, textarea")) {
      if (event.key === "Escape") target.blur();
      return;
    }
    const act = does[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

/** Shows what keys do. */
export function showKeys() {
  openDialog("Keyboard shortcuts", (close) => html`
    <div class="dialog">
      <h2>Keys</h2>
      <dl class="keys">${KEYS.map(([keys, says]) => html`<div><dt><kbd>${keys}</kbd></dt><dd>${says}</dd></div>`)}</dl>
      <p class="dim">TradingView Lightweight Charts™ Copyright (c) 2025 TradingView, Inc. https://www.tradingview.com/</p>
      <div class="actions"><button type="button" class="primary" autofocus @click=${close}>Close</button></div>
    </div>`);
}
