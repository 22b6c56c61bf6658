// @ts-check
/** How things are written on the screen. */

import { html } from "../vendor/lit-html/lit-html.js";
import { grouped } from "../exchange/decimal.js";

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "2-digit" });

/** @type {Record<string, string>} */
const STATUSES = {
  pending_new: "Pending",
  open: "Open",
  partially_filled: "Part filled",
  filled: "Filled",
  canceled: "Cancelled",
  expired: "Expired",
  rejected: "Rejected",
  suspended: "Waiting",
};

/** @type {Record<string, string>} */
const PHASES = {
  closed: "Closed",
  pre_open: "Pre-open",
  continuous: "Trading",
  closing_call: "Closing auction",
  halted: "Halted",
  call_auction: "Auction",
};

/** @param {string} at RFC 3339. @returns {string} Time of day here. */
export function timeOf(at) {
  return TIME.format(new Date(at));
}

/** @param {string} at RFC 3339. @returns {string} Day and time here. */
export function whenOf(at) {
  const date = new Date(at);
  return `${DAY.format(date)} ${TIME.format(date)}`;
}

/** @param {string | null} status @returns {string} */
export function statusOf(status) {
  return status === null ? "" : (STATUSES[status] ?? spaced(status));
}

/** @param {string | null} phase @returns {string} */
export function phaseOf(phase) {
  return phase === null ? "" : (PHASES[phase] ?? spaced(phase));
}

/** @param {string} word @returns {string} `trailing_stop` as "Trailing stop". */
export function spaced(word) {
  const text = word.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** @param {string} side @returns {string} */
export function sideOf(side) {
  return side === "buy" ? "Buy" : "Sell";
}

/**
 * A decimal with all its places; of more than two the zeros at the end are dimmed.
 *
 * @param {string | null | undefined} text
 */
export function digits(text) {
  if (text === null || text === undefined || text === "") return html`<span class="dim">–</span>`;
  const found = /^(.*\.\d{2}\d*?)(0+)$/.exec(grouped(text));
  return found ? html`${found[1]}<span class="dim">${found[2]}</span>` : grouped(text);
}

/**
 * A number that fits a column: places are cut, never digits before the point.
 *
 * @param {string} text A plain decimal.
 * @param {number} most Characters.
 * @returns {string}
 */
export function fitted(text, most) {
  const whole = grouped(text);
  if (whole.length <= most) return whole;
  const point = whole.indexOf(".");
  if (point < 0) return whole;
  return whole.slice(0, Math.max(point, Math.min(most, whole.length))).replace(/\.$/, "");
}
