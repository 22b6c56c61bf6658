// @ts-check
/** Who wants to trade says who they are. */

import { html } from "../vendor/lit-html/lit-html.js";
import { inWords, Problem } from "../exchange/gateway.js";
import { openDialog } from "./dialogs.js";

/** @param {{ identity: import("../exchange/identity.js").Identity }} app @param {boolean} [demo] Whether the user of a demo may be taken. */
export function signIn(app, demo = true) {
  const typed = { userName: "", password: "" };
  let error = "";
  let busy = false;
  const { draw, dialog } = openDialog("Sign in", (close) => {
    const by = async (/** @type {() => Promise<void>} */ way) => {
      busy = true;
      error = "";
      draw();
      try {
        await way();
        close();
        return;
      } catch (problem) {
        error = inWords(problem);
        if (problem instanceof Problem && problem.status === 404) {
          demo = false;
          error = "This exchange has no user for its demo.";
        }
      }
      busy = false;
      draw();
    };
    return html`
      <form class="dialog" @submit=${(/** @type {Event} */ event) => { event.preventDefault(); void by(() => app.identity.signIn(typed.userName, typed.password)); }}>
        <h2>Sign in</h2>
        <label class="field"><span>User name</span><input id="user-name" name="username" required autocomplete="username" autofocus @input=${(/** @type {any} */ event) => { typed.userName = event.target.value; }} /></label>
        <label class="field"><span>Password</span><input id="password" name="password" type="password" required autocomplete="current-password" @input=${(/** @type {any} */ event) => { typed.password = event.target.value; }} /></label>
        <p class="error" role="alert">${error}</p>
        <div class="actions">
          ${demo ? html`<button type="button" class="plain" ?disabled=${busy} @click=${() => by(() => app.identity.signInToDemo())}>Use the demo account</button>` : ""}
          <button type="submit" class="primary" ?disabled=${busy}>Sign in</button>
        </div>
      </form>
    `;
  });
  return dialog;
}
