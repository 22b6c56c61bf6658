// @ts-check
/** The trading screen: what it knows of the exchange, its panels, and what one asks of another. */

import { Accounts } from "../exchange/accounts.js";
import { parse } from "../exchange/decimal.js";
import { inWords, Problem } from "../exchange/gateway.js";
import { Identity } from "../exchange/identity.js";
import { MarketData } from "../exchange/market-data.js";
import { Orders } from "../exchange/orders.js";
import { Risk } from "../exchange/risk.js";
import { Stream } from "../exchange/stream.js";
import { Blotter } from "./blotter.js";
import { Chart } from "./chart.js";
import { Connection } from "./connection.js";
import { Depth } from "./depth.js";
import { FillNotes } from "./fill-notes.js";
import { keep, kept } from "../exchange/kept.js";
import { listenToKeys, showKeys } from "./keyboard.js";
import { KillSwitch } from "./kill-switch.js";
import { Ladder } from "./ladder.js";
import { OrderEntry } from "./order-entry.js";
import { signIn } from "./sign-in.js";
import { SymbolBar } from "./symbol-bar.js";
import { Tape } from "./tape.js";
import { Toasts } from "./toasts.js";

const TABS = ["chart", "book", "trade", "orders"];

export class App {
  constructor() {
    this.stream = new Stream();
    this.identity = new Identity();
    this.market = new MarketData(this.stream);
    this.orders = new Orders(this.stream);
    this.accounts = new Accounts(this.stream);
    this.risk = new Risk();
    this.toasts = new Toasts(at("toasts"));
    this.killSwitch = new KillSwitch(at("stopped"), this);
    this.symbolBar = new SymbolBar(at("symbol-bar"), this);
    this.chart = new Chart(at("chart"), this);
    this.depth = new Depth(at("chart"), this);
    this.ladder = new Ladder(at("book"), this);
    this.tape = new Tape(at("tape"), this);
    this.entry = new OrderEntry(at("entry"), this);
    this.blotter = new Blotter(at("account"), this);
    this.connection = new Connection(at("connection"), this);
    /** @type {any} */
    this.before = null;
    listenToKeys(this);
    this.#tabs();
    this.identity.watch(() => this.#who());
    this.stream.watch(() => this.#connected());
    this.stream.refusals.add((error, channels) => {
      if (!channels.includes("mark")) this.toasts.say("bad", `No ${channels.join(", ")}`, error.message);
    });
    new FillNotes(this.orders, this.toasts);
    addEventListener("hashchange", () => this.#fromAddress());
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", (event) => {
      if (!kept("theme")) this.#theme(event.matches ? "light" : "dark");
    });
  }

  /** Asks for what has to be known first. */
  async begin() {
    try {
      await Promise.all([this.market.load(!kept("symbol") && !location.hash), this.identity.look()]);
    } catch (error) {
      this.toasts.say("bad", "The exchange does not answer", inWords(error));
      setTimeout(() => void this.begin(), 3_000);
      return;
    }
    this.#fromAddress();
    if (!this.identity.session) this.stream.open("/stream/market");
  }

  #fromAddress() {
    const wanted = decodeURIComponent(location.hash.slice(1));
    const { instruments } = this.market;
    const busiest = [...this.market.tickers.values()].sort((a, b) => (b.trades ?? 0) - (a.trades ?? 0)).map((each) => each.symbol);
    const symbol = [wanted, kept("symbol") ?? "", ...busiest, ...instruments.keys()].find((each) => instruments.has(each));
    if (symbol) this.show(symbol);
  }

  /** @param {string} symbol The instrument to look at. */
  show(symbol) {
    keep("symbol", symbol);
    history.replaceState(null, "", `#${encodeURIComponent(symbol)}`);
    this.market.show(symbol);
  }

  #who() {
    const { session } = this.identity;
    if (session === this.before) return;
    const was = this.before;
    this.before = session;
    if (!session) {
      this.orders.of(undefined);
      this.accounts.show(undefined);
      this.risk.of(undefined);
    }
    if (session || was) this.stream.open(session ? "/v1/stream" : "/stream/market");
  }

  #connected() {
    const { stream } = this;
    if (stream.state === "signed-out" && this.identity.session) {
      this.toasts.say("note", "The session has ended", "Sign in again to trade.");
      this.identity.ended();
      return;
    }
    if (stream.state !== "live" || !this.identity.session) return;
    this.accounts.usable = this.identity.session.user.accounts;
    if (this.accounts.account === undefined && this.accounts.usable.length) this.use(this.accounts.usable[0]);
  }

  /** @param {number} account Whose orders and money are shown, and who trades. */
  use(account) {
    this.orders.of(account);
    this.accounts.show(account);
    this.risk.of(account);
  }

  /** @returns {string} Of who is signed in. */
  get userName() {
    const { session } = this.identity;
    return session?.user.userName ?? "";
  }

  /** @param {string} symbol @returns {{ side: string, price: bigint, leaves: bigint }[]} Own orders that rest there. */
  restingOf(symbol) {
    const { instrument } = this.market;
    if (!instrument) return [];
    const found = [];
    for (const order of this.orders.live.values()) {
      if (order.symbol !== symbol || order.price === null || order.orderStatus === "suspended") continue;
      const price = parse(order.price, instrument.priceScale);
      const leaves = parse(order.leavesQty, instrument.qtyScale);
      if (price !== null && leaves !== null) found.push({ side: order.side, price, leaves });
    }
    return found;
  }

  /** @param {bigint} price Ticks: into order entry. */
  takePrice(price) {
    this.go("trade");
    this.entry.takePrice(price);
  }

  signIn() {
    if (!document.querySelector("dialog[open]")) signIn(this);
  }

  async signOut() {
    try {
      await this.identity.signOut();
    } catch (error) {
      this.toasts.say("bad", "Not signed out", inWords(error));
    }
  }

  /** @param {unknown} error Of a request: one may say that the session is over, or that the account is stopped. */
  heard(error) {
    if (!(error instanceof Problem)) return;
    if (error.status === 401) this.identity.ended();
    if (error.name === "KILLED") void this.risk.look();
  }

  help() {
    showKeys();
  }

  switchTheme() {
    const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    keep("theme", theme);
    this.#theme(theme);
  }

  /** @param {string} theme */
  #theme(theme) {
    document.documentElement.dataset.theme = theme;
    this.chart.look();
    this.depth.draw();
  }

  /** Candles, or depth in their place. */
  showDepth() {
    const chart = at("chart");
    const depth = chart.dataset.view !== "depth";
    chart.dataset.view = depth ? "depth" : "candles";
    for (const button of chart.querySelectorAll("[data-view]")) button.setAttribute("aria-pressed", String((button.getAttribute("data-view") === "depth") === depth));
    this.depth.draw();
  }

  #tabs() {
    for (const button of at("chart").querySelectorAll("button[data-view]")) {
      button.addEventListener("click", () => button.getAttribute("aria-pressed") === "false" && this.showDepth());
    }
    for (const button of document.querySelectorAll("#tabs button")) {
      button.addEventListener("click", () => this.go(button.getAttribute("data-tab") ?? "chart"));
    }
    this.go("chart");
  }

  /** @param {string} tab What is shown where there is room for one panel. */
  go(tab) {
    if (!TABS.includes(tab)) return;
    document.body.dataset.tab = tab;
    for (const button of document.querySelectorAll("#tabs button")) {
      if (button.getAttribute("data-tab") === tab) button.setAttribute("aria-current", "page");
      else button.removeAttribute("aria-current");
    }
  }
}

/** @param {string} id @returns {HTMLElement} */
function at(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}
