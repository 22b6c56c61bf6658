// @ts-check
/** Which fields an order of a type has, and with which time in force: the table of the matching rules. */

/** @typedef {"price"|"stopPrice"|"trail"|"offset"|"peg"} Field */
/** @typedef {"displayQty"|"minQty"|"quoteQty"|"postOnly"|"hidden"|"reduceOnly"} Option */
/** @typedef {{ label: string, says: string, needs: Field[], may: Field[], options: Option[], times: string[] }} OrderType */

const RESTS = ["gtc", "day", "gtd"];

/** @type {Record<string, OrderType>} */
export const ORDER_TYPES = {
  limit: {
    label: "Limit",
    says: "Trades at its price or better; what is left rests in the book.",
    needs: ["price"],
    may: [],
    options: ["postOnly", "hidden", "displayQty", "minQty", "reduceOnly"],
    times: [...RESTS, "ioc", "fok", "at_open", "at_close"],
  },
  market: {
    label: "Market",
    says: "Trades at once at the best prices there are.",
    needs: [],
    may: [],
    options: ["minQty", "quoteQty", "reduceOnly"],
    times: ["ioc", "fok", "at_open", "at_close"],
  },
  market_to_limit: {
    label: "Market to limit",
    says: "Trades at the best price; what is left rests at that price.",
    needs: [],
    may: [],
    options: ["hidden", "displayQty", "reduceOnly"],
    times: RESTS,
  },
  stop: {
    label: "Stop",
    says: "Becomes a market order when the market reaches the stop price.",
    needs: ["stopPrice"],
    may: [],
    options: ["reduceOnly"],
    times: RESTS,
  },
  stop_limit: {
    label: "Stop limit",
    says: "Becomes a limit order when the market reaches the stop price.",
    needs: ["stopPrice", "price"],
    may: [],
    options: ["hidden", "displayQty", "reduceOnly"],
    times: [...RESTS, "ioc", "fok"],
  },
  trailing_stop: {
    label: "Trailing stop",
    says: "A stop that follows the market at the distance of the trail.",
    needs: ["trail"],
    may: [],
    options: ["reduceOnly"],
    times: RESTS,
  },
  trailing_stop_limit: {
    label: "Trailing stop limit",
    says: "A trailing stop whose limit is the stop price and the offset.",
    needs: ["trail", "offset"],
    may: [],
    options: ["hidden", "displayQty", "reduceOnly"],
    times: [...RESTS, "ioc", "fok"],
  },
  pegged: {
    label: "Pegged",
    says: "Its price follows the best price of its own side, or the middle.",
    needs: ["peg"],
    may: ["offset", "price"],
    options: ["hidden", "reduceOnly"],
    times: RESTS,
  },
};

/** @type {Record<string, { label: string, says: string }>} */
export const TIMES_IN_FORCE = {
  gtc: { label: "GTC", says: "Good till cancelled" },
  day: { label: "Day", says: "Until the market closes" },
  gtd: { label: "GTD", says: "Good till a time" },
  ioc: { label: "IOC", says: "At once; the rest is cancelled" },
  fok: { label: "FOK", says: "All of it at once, or nothing" },
  at_open: { label: "At open", says: "In the next opening auction" },
  at_close: { label: "At close", says: "In the closing auction" },
};

/** @type {Record<string, string>} */
export const STP_MODES = {
  none: "Own orders may meet",
  cancel_newest: "Cancel the newest",
  cancel_oldest: "Cancel the oldest",
  cancel_both: "Cancel both",
  decrement: "Reduce both",
};

/**
 * @param {string} type
 * @param {string} time Time in force.
 * @param {string} side
 * @param {Option} option
 * @returns {boolean} Whether such an order may have it.
 */
export function mayHave(type, time, side, option) {
  if (!ORDER_TYPES[type].options.includes(option)) return false;
  if (option === "displayQty" || option === "postOnly" || option === "hidden") {
    return RESTS.includes(time);
  }
  if (option === "minQty") return time === "ioc";
  if (option === "quoteQty") return side === "buy" && time === "ioc";
  return true;
}
