// @ts-check
/** The kill switch of the account: whether its orders are stopped, by whom, and who may let them in again. */

import { ask } from "./gateway.js";
import { Watched } from "./watched.js";

/** @typedef {{ account: number, on: boolean, who: string | null, why: string | null, setAt: string | null, mayRelease: boolean | null, sequence: string }} AccountSwitch */

const PATH = "/v1/kill-switch";
const AGAIN_MS = 5_000;

export class Risk extends Watched {
  constructor() {
    super();
    /** @type {number | undefined} */
    this.account = undefined;
    /** @type {AccountSwitch | null} Null: not known. */
    this.told = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.again = undefined;
  }

  /** @returns {boolean} Whether orders of the account are refused. */
  get stopped() {
    return this.told?.on ?? false;
  }

  /** @param {number | undefined} account Whose switch; undefined: nobody's. */
  of(account) {
    this.account = account;
    this.told = null;
    void this.look();
    this.changed();
  }

  /**
   * Looks how the switch is. While it is on it is looked at again, for others may take it back.
   *
   * @param {string} [minSequence] Of the journal, which the answer must have seen.
   */
  async look(minSequence) {
    clearTimeout(this.again);
    const { account } = this;
    if (account === undefined) return;
    try {
      const told = await ask("GET", PATH, { query: { account, minSequence } });
      if (account !== this.account || Number(told.sequence) < Number(this.told?.sequence ?? 0)) return;
      this.told = told;
      this.changed();
    } catch {
      // Orders are refused with words of their own where it is on; a page that cannot ask goes on.
    }
    clearTimeout(this.again);
    if (this.stopped && account === this.account) this.again = setTimeout(() => void this.look(), AGAIN_MS);
  }

  /** @param {boolean} on @returns {Promise<void>} When the core has answered, and what it did is known. */
  async throwSwitch(on) {
    const { account } = this;
    const thrown = await ask("POST", PATH, { body: { account, on }, named: true });
    if (account !== this.account) return;
    this.told = { ...thrown, mayRelease: null }; // which takes to know who else has thrown it
    this.changed();
    await this.look(thrown.sequence);
  }
}
