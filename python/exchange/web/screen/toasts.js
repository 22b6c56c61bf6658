// @ts-check
/** Short notes at the edge of the screen, which a screen reader says. */

const STAYS_MS = 6_000;
const MOST = 4;

export class Toasts {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
  }

  /**
   * @param {"fill" | "good" | "bad" | "note"} kind
   * @param {string} title
   * @param {string} [text]
   */
  say(kind, title, text = "") {
    const note = document.createElement("div");
    note.className = `toast ${kind}`;
    const head = note.appendChild(document.createElement("strong"));
    head.textContent = title;
    if (text) note.appendChild(document.createElement("span")).textContent = text;
    const close = note.appendChild(document.createElement("button"));
    close.type = "button";
    close.textContent = "×";
    close.setAttribute("aria-label", "Dismiss");
    close.onclick = () => note.remove();
    this.root.append(note);
    while (this.root.children.length > MOST) this.root.firstElementChild?.remove();
    setTimeout(() => note.remove(), kind === "bad" ? 2 * STAYS_MS : STAYS_MS);
  }
}
