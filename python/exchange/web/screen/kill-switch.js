// @ts-check
/** The kill switch of the own account: its question, and what is shown while it is on. */

import { html, nothing, render } from "../vendor/lit-html/lit-html.js";
import { inWords } from "../exchange/gateway.js";
import { onceAFrame } from "../exchange/watched.js";
import { confirmed } from "./dialogs.js";
import { timeOf } from "./words.js";

/** @typedef {import("./app.js").App} App */

export class KillSwitch {
  /** @param {HTMLElement} root @param {App} app */
  constructor(root, app) {
    this.root = root;
    this.app = app;
    this.busy = false;
    const draw = onceAFrame(() => this.#draw());
    for (const each of [app.risk, app.identity]) each.watch(draw);
    app.orders.watch(() => app.orders.killed !== this.seen && this.#look());
    this.seen = app.orders.killed;
  }

  /** @returns {boolean} Whether who is signed in may throw it. */
  get may() {
    const { identity, risk } = this.app;
    return risk.account !== undefined && (identity.session?.user.scopes.includes("trade") ?? false);
  }

  /** Stops the account, after a question. */
  async ask() {
    const { risk, orders } = this.app;
    if (!this.may || risk.stopped || this.busy || document.querySelector("dialog[open]")) return;
    const count = orders.open.length;
    const resting = count ? `its ${count} open ${count === 1 ? "order is" : "orders are"} cancelled` : "what rests is cancelled";
    const says = `New orders of account ${risk.account} are refused, whoever sends them, and ${resting}. To let orders in again may take an administrator.`;
    if (await confirmed(`Stop account ${risk.account}?`, says, "Stop and cancel all")) await this.#send(true);
  }

  async #release() {
    const { risk } = this.app;
    if (await confirmed("Let orders in again?", `Orders of account ${risk.account} are taken again. None of those that were cancelled comes back.`, "Let in again")) await this.#send(false);
  }

  /** @param {boolean} on */
  async #send(on) {
    const { app } = this;
    this.busy = true;
    this.#draw();
    try {
      await app.risk.throwSwitch(on);
      app.toasts.say(on ? "bad" : "good", on ? `Account ${app.risk.account} is stopped` : `Orders of account ${app.risk.account} are let in again`);
    } catch (error) {
      app.toasts.say("bad", on ? "Not stopped" : "Not let in again", inWords(error));
      app.heard(error);
    }
    this.busy = false;
    this.#draw();
  }

  /** An order was cancelled by a switch: whoever threw it. */
  #look() {
    this.seen = this.app.orders.killed;
    void this.app.risk.look();
  }

  #draw() {
    const { told, account } = this.app.risk;
    this.root.hidden = !this.app.identity.session || !told?.on;
    if (this.root.hidden || !told) return;
    const by = told.who ? ` By ${told.who}${told.setAt ? ` at ${timeOf(told.setAt)}` : ""}${told.why ? `: ${told.why}` : ""}.` : "";
    render(
      html`<p role="alert"><strong>Account ${account} is stopped.</strong> Its orders are refused and none rests.${by}${told.mayRelease ? nothing : html` ${told.who && told.mayRelease === false ? "An administrator lets orders in again." : "Where no button is offered here, an administrator lets orders in again."}`}</p>
        ${told.mayRelease ? html`<button type="button" class="plain small" ?disabled=${this.busy} @click=${() => this.#release()}>Let orders in again</button>` : nothing}`,
      this.root,
    );
  }
}
