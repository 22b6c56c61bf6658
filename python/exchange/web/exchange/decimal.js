// @ts-check
/**
 * Decimals as scaled integers: a price of 64000.50 with two places is 6400050n. Money is never a float.
 */

const PLAIN = /^(-?)(\d+)(?:\.(\d*))?$|^(-?)\.(\d+)$/;

/**
 * @param {string} text A plain decimal; "" and anything else is none.
 * @param {number} scale Places.
 * @returns {bigint | null} Null where it is no decimal of at most so many places.
 */
export function parse(text, scale) {
  const found = PLAIN.exec(text.trim());
  if (!found) return null;
  const negative = (found[1] ?? found[4]) === "-";
  const whole = found[2] ?? "0";
  const part = (found[3] ?? found[5] ?? "").replace(/0+$/, "");
  if (part.length > scale || whole.length > 30) return null;
  const value = BigInt(whole + part.padEnd(scale, "0"));
  return negative ? -value : value;
}

/**
 * @param {bigint} value
 * @param {number} scale Places, all of which are written.
 * @returns {string} As the gateway takes it.
 */
export function format(value, scale) {
  const negative = value < 0n;
  const digits = (negative ? -value : value).toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const text = scale ? `${whole}.${digits.slice(-scale)}` : whole;
  return negative ? `-${text}` : text;
}

/**
 * @param {string} text A plain decimal.
 * @returns {string} With a comma after each three digits before the point, to be read.
 */
export function grouped(text) {
  const point = text.indexOf(".");
  const whole = point < 0 ? text : text.slice(0, point);
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (point < 0 ? "" : text.slice(point));
}

/**
 * @param {bigint} value
 * @param {number} scale
 * @returns {string} To be read.
 */
export function shown(value, scale) {
  return grouped(format(value, scale));
}

/**
 * A decimal to be read at a glance: no zeros at the end but so many places at least.
 *
 * @param {string} text A plain decimal.
 * @param {number} [least] Places that stay.
 * @returns {string}
 */
export function brief(text, least = 2) {
  const [whole, part = ""] = text.split(".");
  const kept = part.replace(/0+$/, "").padEnd(Math.min(least, part.length), "0");
  return grouped(kept ? `${whole}.${kept}` : whole);
}

/**
 * @param {bigint} dividend
 * @param {bigint} divisor Above 0.
 * @returns {bigint} Rounded down, also below 0.
 */
export function divFloor(dividend, divisor) {
  const quotient = dividend / divisor;
  return dividend % divisor < 0n ? quotient - 1n : quotient;
}

/**
 * @param {bigint} dividend
 * @param {bigint} divisor Above 0.
 * @returns {bigint} Rounded up, also below 0.
 */
export function divCeil(dividend, divisor) {
  return -divFloor(-dividend, divisor);
}

/**
 * @param {number} places
 * @returns {bigint} 10 to that power.
 */
export function power(places) {
  return 10n ** BigInt(places);
}

/**
 * @param {string} text A plain decimal.
 * @returns {number} How many places it has.
 */
export function placesOf(text) {
  const point = text.indexOf(".");
  return point < 0 ? 0 : text.length - point - 1;
}
