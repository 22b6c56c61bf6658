// @ts-check
/** How long batches took in the last seconds: percentiles, and a histogram on a canvas. */

import { html } from "../vendor/lit-html/lit-html.js";
import { onceAFrame } from "../exchange/watched.js";
import { grouped, timeOf } from "./figures.js";
import { panel } from "./panel.js";

/** @typedef {import("../exchange/venue.js").Venue} Venue */
/** @typedef {import("../exchange/venue.js").Timing} Timing */

/** @type {[string, string][]} */
const STAGES = [
  ["batch_service", "Whole batch"],
  ["stage_drain", "Drain"],
  ["stage_decode", "Decode"],
  ["stage_journal", "Journal"],
  ["stage_apply", "Apply"],
  ["stage_send", "Send"],
  ["verdicts", "Verdicts"],
];
const BOTTOM_PX = 22;
const SIDE_PX = 12;
const TICK_PX = 62;
const TOP_PX = 18;

export class Latency {
  /** @param {Venue} venue */
  constructor(venue) {
    this.venue = venue;
    const root = /** @type {HTMLElement} */ (document.getElementById("latency"));
    this.choice = /** @type {HTMLSelectElement} */ (root.querySelector("select"));
    this.canvas = /** @type {HTMLCanvasElement} */ (root.querySelector("canvas"));
    this.note = /** @type {HTMLElement} */ (root.querySelector(".note"));
    this.box = /** @type {HTMLElement} */ (this.canvas.parentElement);
    for (const [name, says] of STAGES) this.choice.append(new Option(says, name));
    this.draw = onceAFrame(() => this.#draw());
    this.choice.addEventListener("change", () => venue.changed());
    new ResizeObserver(this.draw).observe(this.box);
    panel("latency", venue, "metrics", "latencies", (told) => this.#percentiles(told));
    venue.watch(this.draw);
  }

  /** @returns {Timing | undefined} Of the stage that is chosen. */
  get #timing() {
    return this.venue.told.metrics?.timings.find((/** @type {Timing} */ each) => each.name === this.choice.value);
  }

  /** @param {any} told */
  #percentiles(told) {
    const timing = this.#timing;
    const shown = (/** @type {string} */ ns) => (timing?.count ? timeOf(ns) : "–");
    return html`<dl class="percentiles">
      <div><dt>p50</dt><dd>${shown(timing?.p50Ns ?? "0")}</dd></div><div><dt>p90</dt><dd>${shown(timing?.p90Ns ?? "0")}</dd></div>
      <div><dt>p99</dt><dd>${shown(timing?.p99Ns ?? "0")}</dd></div><div><dt>p99.9</dt><dd>${shown(timing?.p999Ns ?? "0")}</dd></div>
      <div><dt>Longest</dt><dd>${shown(timing?.maxNs ?? "0")}</dd></div><div><dt>In ${told.seconds.toFixed(0)} s</dt><dd>${grouped(timing?.count ?? 0)}</dd></div>
    </dl>`;
  }

  #draw() {
    const [width, height] = [this.box.clientWidth, this.box.clientHeight];
    const timing = this.#timing;
    this.note.textContent = this.venue.told.metrics && !timing?.count ? "None in the last seconds" : "";
    if (!width || !height) return;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const pen = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.canvas.dataset.bars = String(timing?.buckets.length ?? 0);
    if (!timing?.count) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const { buckets } = timing;
    const most = Math.max(...buckets.map((each) => each.count));
    const step = Math.min((width - 2 * SIDE_PX) / buckets.length, 48);
    const bottom = height - BOTTOM_PX;
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "center";
    let labelled = -Infinity;
    buckets.forEach((each, place) => {
      const left = SIDE_PX + place * step;
      const tall = each.count ? Math.max(2, (each.count / most) * (bottom - TOP_PX)) : 0;
      pen.fillStyle = colour("--accent");
      pen.fillRect(left + 1, bottom - tall, Math.max(1, step - 2), tall);
      if (left + step - labelled < TICK_PX || left + step > width - TICK_PX / 2) return;
      labelled = left + step;
      pen.fillStyle = colour("--muted");
      pen.fillText(timeOf(each.upToNs), left + step, height - 6);
      pen.fillRect(left + step - 0.5, bottom, 1, 4);
    });
    for (const [says, ns] of [["p50", timing.p50Ns], ["p99", timing.p99Ns]]) {
      const at = SIDE_PX + step * placeOf(buckets, Number(ns));
      pen.fillStyle = colour("--warn");
      pen.fillRect(at, TOP_PX - 4, 1, bottom - TOP_PX + 4);
      pen.fillText(says, Math.min(Math.max(at, 14), width - 14), 11);
    }
  }
}

/** @param {import("../exchange/venue.js").Bucket[]} buckets @param {number} ns @returns {number} Where a time is among them. */
export function placeOf(buckets, ns) {
  const found = buckets.findIndex((each) => Number(each.upToNs) >= ns);
  if (found < 0) return buckets.length;
  const top = Number(buckets[found].upToNs);
  const low = found ? Number(buckets[found - 1].upToNs) : top / 2;
  return found + Math.min(1, Math.max(0, (ns - low) / (top - low)));
}
