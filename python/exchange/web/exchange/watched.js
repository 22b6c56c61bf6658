// @ts-check
/** What changes and is watched. */

export class Watched {
  constructor() {
    /** @type {Set<() => void>} */
    this.watchers = new Set();
  }

  /**
   * @param {() => void} watcher Called after each change.
   * @returns {() => void} Ends it.
   */
  watch(watcher) {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** Tells everybody. */
  changed() {
    for (const each of [...this.watchers]) each();
  }
}

/**
 * Draws once a frame, however often it is asked to, and not at all where nobody looks.
 *
 * @param {() => void} draw
 * @returns {() => void} Asks for it.
 */
export function onceAFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}
