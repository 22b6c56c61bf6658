// @ts-check
/** Dialogs: a question before something that is hard to take back, and whatever else is asked for. */

import { html, render } from "../vendor/lit-html/lit-html.js";

/**
 * @param {string} label What it is about.
 * @param {(close: () => void) => unknown} content
 * @returns {{ dialog: HTMLDialogElement, draw: () => void, closed: Promise<void> }}
 */
export function openDialog(label, content) {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-label", label);
  document.body.append(dialog);
  const draw = () => render(content(() => dialog.close()), dialog);
  const closed = /** @type {Promise<void>} */ (
    new Promise((resolve) => {
      dialog.addEventListener("close", () => {
        dialog.remove();
        resolve();
      });
    })
  );
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  draw();
  dialog.showModal();
  return { dialog, draw, closed };
}

/**
 * @param {string} title
 * @param {string} text
 * @param {string} yes What the button says that does it.
 * @returns {Promise<boolean>} Whether it is meant.
 */
export async function confirmed(title, text, yes) {
  let meant = false;
  const { closed } = openDialog(
    title,
    (close) => html`
      <form class="dialog" @submit=${(/** @type {Event} */ event) => { event.preventDefault(); meant = true; close(); }}>
        <h2>${title}</h2>
        <p>${text}</p>
        <div class="actions">
          <button type="button" class="plain" @click=${close}>Keep</button>
          <button type="submit" class="danger" autofocus>${yes}</button>
        </div>
      </form>
    `,
  );
  await closed;
  return meant;
}
