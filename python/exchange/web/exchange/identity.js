// @ts-check
/** Who is signed in, and their API keys. */

import { ask, Problem } from "./gateway.js";
import { keep, kept } from "./kept.js";
import { Watched } from "./watched.js";

/** @typedef {{ keyId: string, name: string, scopes: string[], accounts: number[], algorithm: string, createdAt: string, expiresAt: string | null, usedAt: string | null, status: string }} ApiKey */
/** @typedef {{ session: { sessionId: string, expiresAt: string }, user: { userName: string, accounts: number[], scopes: string[] } }} Session */

const HINT = "signed in"; // the cookie itself is none of a page's business

export class Identity extends Watched {
  constructor() {
    super();
    /** @type {Session | null} Null: nobody is signed in. */
    this.session = null;
    this.known = false;
    /** @type {ApiKey[] | null} */
    this.keys = null;
    /** @type {unknown} */
    this.keysError = null;
  }

  /** Looks whether the cookie is that of a session; not where this browser knows that it has none. */
  async look() {
    try {
      if (kept(HINT) !== "yes") return;
      this.session = await ask("GET", "/v1/sessions/current");
    } catch (error) {
      if (!(error instanceof Problem) || (error.status !== 401 && error.status !== 404)) throw error;
      keep(HINT, "no");
    } finally {
      this.known = true;
      this.changed();
    }
  }

  /**
   * @param {string} userName
   * @param {string} password
   */
  async signIn(userName, password) {
    this.#began(await ask("POST", "/v1/sessions", { body: { userName, password } }));
  }

  /** Signs in as the user of the demo, where the exchange has one. */
  async signInToDemo() {
    this.#began(await ask("POST", "/v1/sessions/demo"));
  }

  async signOut() {
    await ask("DELETE", "/v1/sessions/current");
    this.ended();
  }

  /** @param {Session} opened */
  #began({ session, user }) {
    keep(HINT, "yes");
    this.session = { session, user };
    this.changed();
  }

  /** The session is over. */
  ended() {
    keep(HINT, "no");
    this.session = null;
    this.keys = null;
    this.changed();
  }

  async listKeys() {
    try {
      this.keys = (await ask("GET", "/v1/api-keys")).keys;
      this.keysError = null;
    } catch (error) {
      this.keysError = error;
    }
    this.changed();
  }

  /**
   * @param {object} wanted
   * @returns {Promise<any>} With the secret, which is told this once.
   */
  async makeKey(wanted) {
    const made = await ask("POST", "/v1/api-keys", { body: wanted });
    await this.listKeys();
    return made;
  }

  /** @param {string} keyId */
  async revokeKey(keyId) {
    await ask("DELETE", `/v1/api-keys/${encodeURIComponent(keyId)}`);
    await this.listKeys();
  }
}
