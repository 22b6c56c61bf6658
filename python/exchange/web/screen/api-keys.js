// @ts-check
/** Keys of programs: listed, made, revoked. A secret is shown once, and kept nowhere. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { inWords, Problem } from "../exchange/gateway.js";
import { confirmed, openDialog } from "./dialogs.js";
import { whenOf } from "./words.js";

/** @typedef {import("./app.js").App} App */

const SCOPES = ["read", "trade", "transfer"];

export class ApiKeys {
  /** @param {App} app @param {() => void} draw */
  constructor(app, draw) {
    this.app = app;
    this.draw = draw;
    this.title = "API keys";
  }

  shown() {
    void this.app.identity.listKeys();
  }

  content() {
    const { keys, keysError } = this.app.identity;
    if (keysError instanceof Problem && keysError.name === "SCOPE_MISSING") return html`<p class="empty">This account makes no keys: sign in with a name and a password.</p>`;
    if (keysError) return html`<p class="empty error" role="alert">${inWords(keysError)}</p>`;
    if (!keys) return html`<p class="empty">Loading keys</p>`;
    return html`
      <div class="strip"><span class="dim">Programs sign their requests with these.</span><button type="button" class="primary small" @click=${() => this.#make()}>New key</button></div>
      ${keys.length
        ? html`
            <table>
              <thead><tr><th scope="col">Key</th><th scope="col">Name</th><th scope="col">May</th><th scope="col">Algorithm</th><th scope="col">Last used</th><th scope="col"><span class="hidden">Actions</span></th></tr></thead>
              <tbody>
                ${repeat(keys, (each) => each.keyId, (each) => html`
                  <tr>
                    <td data-label="Key"><code>${each.keyId}</code></td>
                    <td data-label="Name">${each.name}</td>
                    <td data-label="May">${each.scopes.join(", ")}</td>
                    <td data-label="Algorithm">${each.algorithm}</td>
                    <td data-label="Last used">${each.usedAt ? whenOf(each.usedAt) : html`<span class="dim">never</span>`}</td>
                    <td class="actions">${each.status !== "live" && each.status !== "retiring" ? html`<span class="dim">${each.status}</span>` : html`<button type="button" class="plain small" aria-label="Revoke ${each.name}" @click=${() => this.#revoke(each.keyId, each.name)}>Revoke</button>`}</td>
                  </tr>`)}
              </tbody>
            </table>`
        : html`<p class="empty">No keys yet.</p>`}
    `;
  }

  #make() {
    const wanted = { name: "", scopes: new Set(["read"]), algorithm: "hmac-sha256" };
    let error = "";
    /** @type {any} */
    let made = null;
    const { draw } = openDialog("New API key", (close) => {
      if (made) {
        return html`<div class="dialog">
          <h2>Your key</h2>
          <p>This is the only time that the secret is shown.</p>
          <label class="field"><span>Key</span><input readonly .value=${made.key.keyId} /></label>
          <label class="field"><span>Secret</span><input readonly .value=${made.secret} @focus=${(/** @type {any} */ event) => event.target.select()} /></label>
          <div class="actions">
            <button type="button" class="plain" @click=${() => navigator.clipboard?.writeText(made.secret).then(() => this.app.toasts.say("note", "Secret copied"))}>Copy secret</button>
            <button type="button" class="primary" @click=${close}>I have kept it</button>
          </div></div>`;
      }
      return html`<form class="dialog" @submit=${async (/** @type {Event} */ event) => {
          event.preventDefault();
          try {
            const account = this.app.accounts.account;
            made = await this.app.identity.makeKey({ name: wanted.name.trim(), scopes: [...wanted.scopes], accounts: account === undefined ? [] : [account], algorithm: wanted.algorithm });
          } catch (problem) {
            error = inWords(problem);
          }
          draw();
        }}>
        <h2>New API key</h2>
        <label class="field"><span>Name</span><input required maxlength="40" autofocus @input=${(/** @type {any} */ event) => { wanted.name = event.target.value; }} /></label>
        <div class="checks" role="group" aria-label="What it may do">
          ${SCOPES.map((scope) => html`<label class="check"><input type="checkbox" ?checked=${wanted.scopes.has(scope)} @change=${(/** @type {any} */ event) => (event.target.checked ? wanted.scopes.add(scope) : wanted.scopes.delete(scope))} />${scope}</label>`)}
        </div>
        <p class="error" role="alert">${error || nothing}</p>
        <div class="actions"><button type="button" class="plain" @click=${close}>Leave</button><button type="submit" class="primary">Make key</button></div>
      </form>`;
    });
  }

  /** @param {string} keyId @param {string} name */
  async #revoke(keyId, name) {
    if (!(await confirmed("Revoke this key?", `Programs that use ${name} (${keyId}) stop working within a second or two.`, "Revoke"))) return;
    try {
      await this.app.identity.revokeKey(keyId);
      this.app.toasts.say("good", "Key revoked", name);
    } catch (error) {
      this.app.toasts.say("bad", "Not revoked", inWords(error));
    }
  }
}
