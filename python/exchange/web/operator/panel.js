// @ts-check
/** A panel: what the exchange told, or that it is asked for, or why it is not there. */

import { html, render } from "../vendor/lit-html/lit-html.js";
import { inWords } from "../exchange/gateway.js";
import { onceAFrame } from "../exchange/watched.js";

/** @typedef {import("../exchange/venue.js").Part} Part */
/** @typedef {import("../exchange/venue.js").Venue} Venue */

/**
 * @param {string} id Of the section.
 * @param {Venue} venue
 * @param {Part} part What it is about.
 * @param {string} what That, in words.
 * @param {(told: any) => unknown} content
 */
export function panel(id, venue, part, what, content) {
  const body = /** @type {HTMLElement} */ (document.querySelector(`#${id} .body`));
  const draw = () => {
    const told = venue.told[part];
    const error = venue.errors[part];
    const says = error ? html`<p class="empty error" role="alert">${inWords(error)}</p>` : "";
    if (!told) render(error ? says : html`<p class="empty">Loading ${what}</p>`, body);
    else render(html`${error ? html`<p class="strip warning" role="status">Not up to date: ${inWords(error)}</p>` : ""}${content(told)}`, body);
  };
  venue.watch(onceAFrame(draw));
  draw();
}
