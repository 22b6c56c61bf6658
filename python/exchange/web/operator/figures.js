// @ts-check
/** How the figures of machines are written. */

/** @param {number | string} ns @returns {string} A time in three digits or so, with its unit. */
export function timeOf(ns) {
  const value = Number(ns);
  for (const [unit, size] of /** @type {[string, number][]} */ ([["s", 1e9], ["ms", 1e6], ["µs", 1e3]])) {
    if (value >= size) return `${brief(value / size)} ${unit}`;
  }
  return `${value} ns`;
}

/** @param {number} value @returns {string} In three digits or so. */
function brief(value) {
  return value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0);
}

/** @param {number | null} bytes @returns {string} */
export function megabytes(bytes) {
  return bytes === null ? "–" : `${grouped(Math.round(bytes / 1e6))} MB`;
}

/** @param {number | string | null | undefined} count @returns {string} A whole number in groups of three. */
export function grouped(count) {
  if (count === null || count === undefined) return "–";
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** @param {number} perSecond @returns {string} */
export function rateOf(perSecond) {
  return perSecond !== 0 && perSecond < 10 ? perSecond.toFixed(1) : grouped(Math.round(perSecond));
}

const UNITS = /** @type {[string, number][]} */ ([["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]]);

/** @param {number | null} seconds @returns {string} In two words at most: `3 d 4 h`. */
export function lasting(seconds) {
  if (seconds === null) return "–";
  const first = UNITS.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0 s";
  const [[unit, size], next] = [UNITS[first], UNITS[first + 1]];
  const rest = next ? Math.floor((seconds % size) / next[1]) : 0;
  return `${Math.floor(seconds / size)} ${unit}${next && rest ? ` ${rest} ${next[0]}` : ""}`;
}
