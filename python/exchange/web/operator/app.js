// @ts-check
/** The operator page: who looks, what they see, and the switch that they throw. */

import { html, render } from "../vendor/lit-html/lit-html.js";
import { inWords, Problem } from "../exchange/gateway.js";
import { Identity } from "../exchange/identity.js";
import { keep, kept } from "../exchange/kept.js";
import { Venue } from "../exchange/venue.js";
import { onceAFrame } from "../exchange/watched.js";
import { signIn } from "../screen/sign-in.js";
import { Toasts } from "../screen/toasts.js";
import { timeOf } from "../screen/words.js";
import { showAudit } from "./audit.js";
import { grouped, rateOf } from "./figures.js";
import { askForSwitch } from "./kill-switch.js";
import { Latency } from "./latency.js";
import { showMarkets } from "./markets.js";
import { showServices } from "./services.js";

const PANELS = ["alerts", "services", "latency", "followers", "markets", "switches", "audit"];

export class OperatorApp {
  constructor() {
    this.identity = new Identity();
    this.venue = new Venue();
    this.toasts = new Toasts(at("toasts"));
    /** @type {any} */
    this.before = null;
    showServices(this.venue);
    this.latency = new Latency(this.venue);
    showMarkets(this);
    showAudit(this);
    const draw = onceAFrame(() => this.#draw());
    this.venue.watch(draw);
    this.identity.watch(() => this.#who());
    this.venue.watch(() => this.venue.refused && this.heard(this.venue.refused));
    document.addEventListener("keydown", (event) => this.#key(event));
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", (event) => {
      if (!kept("theme")) this.#theme(event.matches ? "light" : "dark");
    });
    this.#draw();
  }

  /** Looks who is there. */
  async begin() {
    try {
      await this.identity.look();
    } catch (error) {
      this.toasts.say("bad", "The exchange does not answer", inWords(error));
      setTimeout(() => void this.begin(), 3_000);
    }
  }

  /** @returns {boolean} Whether who is signed in may throw switches. */
  get mayThrow() {
    return this.identity.session?.user.scopes.includes("admin") ?? false;
  }

  /** @returns {boolean} Whether who is signed in may look. */
  get #mayLook() {
    return this.identity.session?.user.scopes.includes("operate") ?? false;
  }

  #who() {
    const { session } = this.identity;
    if (session !== this.before) {
      this.before = session;
      if (session && this.#mayLook) this.venue.begin();
      else this.venue.end();
    }
    this.#draw();
  }

  /** @param {import("./kill-switch.js").Wanted} wanted */
  throwSwitch(wanted) {
    if (this.mayThrow && !document.querySelector("dialog[open]")) askForSwitch(this, wanted);
  }

  signIn() {
    if (!document.querySelector("dialog[open]")) signIn(this, false);
  }

  async signOut() {
    try {
      await this.identity.signOut();
    } catch (error) {
      this.toasts.say("bad", "Not signed out", inWords(error));
    }
  }

  /** @param {unknown} error Of a request; one that says that nobody is signed in ends the session here, too. */
  heard(error) {
    if (error instanceof Problem && error.status === 401 && this.identity.session) this.identity.ended();
  }

  switchTheme() {
    const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    keep("theme", theme);
    this.#theme(theme);
  }

  /** @param {string} theme */
  #theme(theme) {
    document.documentElement.dataset.theme = theme;
    this.latency.draw();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (target instanceof HTMLElement && target.matches("input, select, textarea")) return;
    const act = { t: () => this.switchTheme(), k: () => this.throwSwitch({}) }[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  }

  #draw() {
    this.#bar();
    this.#door();
    const { seenAt } = this.venue;
    render(html`<span class="state ${seenAt ? "live" : ""}"><i aria-hidden="true"></i><span>${seenAt ? `Seen at ${timeOf(seenAt.toISOString())}` : "Not seen yet"}</span></span>`, at("seen"));
  }

  /** What stands in the place of all panels where there is nobody who may look. */
  #door() {
    const { session, known } = this.identity;
    const { refused } = this.venue;
    const closed = !session || !this.#mayLook || refused !== null;
    at("door").hidden = !closed;
    for (const id of PANELS) at(id).hidden = closed;
    if (!closed) return;
    at("letters").hidden = true;
    const says = !known ? "Looking who is there" : !session ? "Operators sign in to see how the exchange is." : (refused?.message ?? `${session.user.userName} may not operate this exchange: that takes the role operator or admin.`);
    render(
      html`<p role="status">${says}</p>${known && !session ? html`<button type="button" class="primary" @click=${() => this.signIn()}>Sign in</button>` : ""}`,
      at("door"),
    );
  }

  #bar() {
    const { session, known } = this.identity;
    const { metrics, status } = this.venue.told;
    const rate = (/** @type {string} */ name) => (metrics ? rateOf(metrics.perSecond[name]) : "–");
    const now = (/** @type {string} */ name) => grouped(metrics?.now[name]);
    const word = status ? (status.killed ? "stopped" : status.status) : "";
    render(
      html`
        <h2>Operator</h2>
        <dl class="figures">
          <div><dt>Venue</dt><dd>${word ? html`<span class="state ${word}"><i aria-hidden="true"></i>${word}</span>` : "–"}</dd></div>
          <div><dt>Orders/s</dt><dd>${rate("orders")}</dd></div>
          <div><dt>Trades/s</dt><dd>${rate("trades")}</dd></div>
          <div><dt>Commands/s</dt><dd>${rate("commands")}</dd></div>
          <div><dt>Live orders</dt><dd>${now("liveOrders")}</dd></div>
          <div><dt>Sessions</dt><dd>${now("sessions")}</dd></div>
        </dl>
        <div class="tools">
          ${session && this.#mayLook ? html`<button type="button" class="danger" title=${this.mayThrow ? "K" : "Administrators throw it"} ?disabled=${!this.mayThrow} @click=${() => this.throwSwitch({})}>Kill switch</button>` : ""}
          <button type="button" class="icon" title="Light or dark (T)" aria-label="Switch between light and dark" @click=${() => this.switchTheme()}><span class="half" aria-hidden="true"></span></button>
          ${session
            ? html`<span class="user">${session.user.userName}</span><button type="button" class="plain" @click=${() => this.signOut()}>Sign out</button>`
            : html`<button type="button" class="primary" ?disabled=${!known} @click=${() => this.signIn()}>Sign in</button>`}
        </div>`,
      at("venue-bar"),
    );
  }
}

/** @param {string} id @returns {HTMLElement} */
function at(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}
