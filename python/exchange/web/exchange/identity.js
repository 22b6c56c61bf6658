/** Who is signed in, and their API keys. */

import { ask, Problem } from "./gateway.js";
import { Watched } from "./watched.js";

/** @typedef {{ keyId: string, name: string, scopes: string[], accounts: number[], algorithm: string, createdAt?: string, expiresAt?: string | null, lastUsedAt?: string | null, revoked?: boolean, status?: string }} ApiKey */

export class Identity extends Watched {
  constructor() {
    super();
    /** @type {any | null} The session; null: nobody is signed in. */
    this.session = null;
    this.known = false;
    /** @type {ApiKey[] | null} */
    this.keys = null;
    /** @type {unknown} */
    this.keysError = null;
  }

  /** Looks whether the cookie is that of a session. */
  async look() {
    try {
      this.session = await ask("GET", "/v1/sessions/current");
    } catch (error) {
      if (!(error instanceof Problem) || (error.status !== 401 && error.status !== 404)) throw error;
      this.session = null;
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
    await ask("POST", "/v1/sessions", { body: { userName, password } });
    await this.look();
  }

  /** Signs in as the user of the demo, where the exchange has one. */
  async signInToDemo() {
    await ask("POST", "/v1/sessions/demo");
    await this.look();
  }

  async signOut() {
    await ask("DELETE", "/v1/sessions/current");
    this.ended();
  }

  /** The session is over. */
  ended() {
    this.session = null;
    this.keys = null;
    this.changed();
  }

  async listKeys() {
    try {
      this.keys = (await ask("GET", "/v1/api-keys")).apiKeys;
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
