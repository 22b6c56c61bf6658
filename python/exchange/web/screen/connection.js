// @ts-check
/** How the connection is: its state, the round trip, and what was mended. */

import { html, render } from "../vendor/lit-html/lit-html.js";
import { onceAFrame } from "../exchange/watched.js";

/** @typedef {import("./app.js").App} App */

export class Connection {
  /** @param {HTMLElement} root @param {App} app */
  constructor(root, app) {
    this.root = root;
    this.app = app;
    this.draw = onceAFrame(() => this.#draw());
    app.stream.watch(this.draw);
    setInterval(() => app.stream.state === "lost" && this.draw(), 500);
    this.#draw();
  }

  #draw() {
    const { stream } = this.app;
    const trip = stream.roundTrip;
    const left = Math.max(0, Math.ceil((stream.retryAt - Date.now()) / 1000));
    const says = {
      connecting: "Connecting",
      live: "Live",
      lost: `Connection lost: again in ${left} s`,
      replaced: "Open in another tab",
      "signed-out": "Signed out",
    }[stream.state];
    document.body.dataset.connection = stream.state;
    render(
      html`
        <span class="state ${stream.state}"><i aria-hidden="true"></i><span role="status">${says}</span></span>
        ${stream.state === "lost" || stream.state === "replaced" ? html`<button type="button" class="plain small" @click=${() => stream.reconnect()}>${stream.state === "lost" ? "Now" : "Use here"}</button>` : ""}
        <span title="Median of the last round trips over the WebSocket">Round trip <b class="number">${trip === null ? "–" : trip < 10 ? trip.toFixed(1) : trip.toFixed(0)}</b> ms</span>
        <span class="more-figures" title="Times that the connection was lost and made again">Reconnects <b class="number">${stream.reconnects}</b></span>
        <span class="more-figures" title="Times that the book did not join and was asked for anew">Gaps mended <b class="number">${stream.gaps}</b></span>
      `,
      this.root,
    );
  }
}
