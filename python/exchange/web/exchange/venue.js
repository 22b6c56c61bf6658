// @ts-check
/** How the exchange is, as its operators see it: asked for again and again while somebody looks. */

import { ask, Problem } from "./gateway.js";
import { Watched } from "./watched.js";

/** @typedef {{ name: string, services: string[], pid: number | null, state: string, uptimeS: number | null, cpuPercent: number | null, memoryBytes: number | null, restarts: number | null, lag: number | null, needs: Record<string, string> }} Process */
/** @typedef {{ upToNs: string, count: number }} Bucket */
/** @typedef {{ name: string, count: number, p50Ns: string, p90Ns: string, p99Ns: string, p999Ns: string, maxNs: string, buckets: Bucket[] }} Timing */
/** @typedef {{ scope: string, symbol: string | null, values: Record<string, unknown>, who: string, why: string, setAt: string }} SetByOperator */
/** @typedef {{ scope: string, on: boolean, why: string, tenant?: number, account?: number, symbol?: string }} Switch */

const OFTEN_MS = 2_000;
const SELDOM_MS = 10_000;
const SLOWEST_MS = 60_000;

/** What is asked for, and how often. */
const PARTS = /** @type {const} */ ({
  alerts: ["/v1/operator/alerts", OFTEN_MS],
  services: ["/v1/operator/services", OFTEN_MS],
  followers: ["/v1/operator/followers", OFTEN_MS],
  metrics: ["/v1/operator/metrics", OFTEN_MS],
  status: ["/v1/status", OFTEN_MS],
  audit: ["/v1/operator/audit", OFTEN_MS],
  letters: ["/v1/operator/dead-letters", SELDOM_MS],
  limits: ["/v1/operator/limits", SELDOM_MS],
  switches: ["/v1/operator/kill-switches", SELDOM_MS],
  instruments: ["/v1/instruments", SELDOM_MS],
});

/** @typedef {keyof typeof PARTS} Part */

export class Venue extends Watched {
  constructor() {
    super();
    /** @type {Partial<Record<Part, any>>} The last answers. */
    this.told = {};
    /** @type {Partial<Record<Part, unknown>>} Why there is no newer one. */
    this.errors = {};
    /** @type {Problem | null} That who is signed in may not look, or nobody is. */
    this.refused = null;
    /** @type {Date | null} Of the last answer. */
    this.seenAt = null;
    this.turn = 0;
  }

  /** Begins to ask; what was known of it before counts no more. */
  begin() {
    this.end();
    const { turn } = this;
    for (const part of /** @type {Part[]} */ (Object.keys(PARTS))) void this.#keep(part, turn);
  }

  /** Asks no more, and forgets. */
  end() {
    this.turn += 1;
    this.told = {};
    this.errors = {};
    this.refused = null;
    this.seenAt = null;
    this.changed();
  }

  /** @param {Switch} wanted @returns {Promise<any>} When the core has answered. */
  async throwSwitch(wanted) {
    const thrown = await ask("POST", "/v1/operator/kill-switch", { body: wanted });
    await Promise.all([this.#look("switches", this.turn, { minSequence: thrown.sequence }), this.#look("status", this.turn)]);
    return thrown;
  }

  /** @returns {Promise<{ started: boolean }>} */
  async startAudit() {
    const answer = await ask("POST", "/v1/operator/audit");
    await this.#look("audit", this.turn);
    return answer;
  }

  /** @param {Part} part @param {number} turn */
  async #keep(part, turn) {
    /** @type {number} */
    const every = PARTS[part][1];
    let wait = every;
    while (turn === this.turn) {
      if (!document.hidden) wait = (await this.#look(part, turn)) ? every : Math.min(wait * 2, SLOWEST_MS);
      if (this.refused) return;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  /** @param {Part} part @param {number} turn @param {Record<string, string>} [query] @returns {Promise<boolean>} Whether it was told. */
  async #look(part, turn, query = {}) {
    let told = null;
    let error = null;
    try {
      told = await ask("GET", PARTS[part][0], { query });
    } catch (problem) {
      error = problem;
    }
    if (turn !== this.turn) return false;
    this.errors[part] = error;
    if (told) {
      this.told[part] = told;
      this.seenAt = new Date();
    }
    if (error instanceof Problem && (error.status === 401 || error.status === 403)) this.refused ??= error;
    this.changed();
    return told !== null;
  }
}
