import assert from "node:assert/strict";
import { test } from "node:test";
import { affordable, estimate } from "../../../python/exchange/web/exchange/estimate.js";
import { OrderBook } from "../../../python/exchange/web/exchange/order-book.js";
import { mayHave, ORDER_TYPES } from "../../../python/exchange/web/exchange/order-types.js";
import { orderOf, Ticket } from "../../../python/exchange/web/exchange/ticket.js";

const BTC = {
  symbol: "BTC-USD", base: "BTC", quote: "USD", phase: "continuous", priceScale: 2, qtyScale: 4, baseScale: 8, quoteScale: 6,
  tick: 5n, lot: 10n, minPrice: 0n, maxPrice: 50_000_000n, maxQty: 10_000_000n, makerRate: 100_000, takerRate: 1_000_000, feeMode: "received",
};
const ticket = (said) => Object.assign(new Ticket(), said);
const asks = () => {
  const book = new OrderBook(2, 4);
  book.begin({ bids: [["99.00", "5", 1]], asks: [["100.00", "1", 1], ["101.00", "2", 1]], lastSequence: "1" });
  return book;
};

test("an order has the fields of its type and no others", () => {
  const typed = { qty: "1.5", price: "100", stopPrice: "99.95", trail: "2", offset: "-1", displayQty: "0.5", minQty: "0.1", quoteQty: "50", postOnly: true, reduceOnly: true };
  const made = Object.fromEntries(Object.keys(ORDER_TYPES).map((type) => {
    const each = ticket({ ...typed, stpMode: "none" });
    each.choose(type);
    const { order, faults, missing } = orderOf(each, BTC);
    assert.deepEqual([[...faults], [...missing]], [[], []], type);
    return [type, order];
  }));
  const all = { symbol: "BTC-USD", side: "buy", qty: "1.5000", reduceOnly: true };
  assert.deepEqual(made, {
    limit: { ...all, type: "limit", timeInForce: "gtc", price: "100.00", displayQty: "0.5000", postOnly: true },
    market: { ...all, type: "market", timeInForce: "ioc", minQty: "0.1000" },
    market_to_limit: { ...all, type: "market_to_limit", timeInForce: "gtc", displayQty: "0.5000" },
    stop: { ...all, type: "stop", timeInForce: "gtc", stopPrice: "99.95" },
    stop_limit: { ...all, type: "stop_limit", timeInForce: "gtc", stopPrice: "99.95", price: "100.00", displayQty: "0.5000" },
    trailing_stop: { ...all, type: "trailing_stop", timeInForce: "gtc", trail: "2.00" },
    trailing_stop_limit: { ...all, type: "trailing_stop_limit", timeInForce: "gtc", trail: "2.00", offset: "-1.00", displayQty: "0.5000" },
    pegged: { ...all, type: "pegged", timeInForce: "gtc", peg: "primary", offset: "-1.00", price: "100.00" },
  });
});

test("options go with the times in force that allow them", () => {
  assert.deepEqual(["gtc", "ioc", "fok", "at_open"].map((time) => mayHave("limit", time, "buy", "displayQty")), [true, false, false, false]);
  assert.deepEqual(["gtc", "ioc", "fok"].map((time) => mayHave("limit", time, "buy", "minQty")), [false, true, false]);
  assert.deepEqual(["buy", "sell"].map((side) => mayHave("market", "ioc", side, "quoteQty")), [true, false]);
  const spends = orderOf(ticket({ type: "market", time: "ioc", byQuote: true, quoteQty: "250.5", minQty: "1", stpMode: "none" }), BTC);
  assert.deepEqual(spends.order, { symbol: "BTC-USD", side: "buy", type: "market", timeInForce: "ioc", quoteQty: "250.500000" });
  assert.equal(orderOf(ticket({ hidden: true, displayQty: "1", qty: "2", price: "1" }), BTC).order.displayQty, undefined);
});

test("what is wrong is said of its field, and what is empty is missing", () => {
  const { faults, missing, order } = orderOf(ticket({ qty: "0.00005", price: "100.03", displayQty: "5" }), BTC);
  assert.deepEqual(Object.fromEntries(faults), { qty: "A number with at most 4 places", price: "A multiple of 0.05" });
  assert.deepEqual([[...missing], order.qty], [[], undefined]);
  assert.deepEqual([...orderOf(ticket({ price: "" }), BTC).missing].sort(), ["price", "qty"]);
  const beyond = orderOf(ticket({ qty: "1001", price: "500000.05", displayQty: "1002", time: "gtd", expireAt: "2001-01-01T00:00" }), BTC).faults;
  assert.deepEqual([...beyond.keys()].sort(), ["displayQty", "expireAt", "price", "qty"]);
  for (const qty of ["0", "-1", "1e3", "abc"]) assert.ok(orderOf(ticket({ qty, price: "1" }), BTC).faults.has("qty"), qty);
});

test("a limit order costs what it says, and its fee is rounded up", () => {
  const asked = { side: "buy", qty: 15_000n, price: 6_400_005n, worst: 6_400_005n, quoteQty: null };
  assert.deepEqual(estimate(asked, BTC, null), {
    value: 96_000_075_000n, fee: 150_000n, feeAsset: "BTC", reserve: 96_000_075_000n, reserveAsset: "USD", sure: true, whole: true,
  });
  assert.deepEqual(estimate({ ...asked, side: "sell" }, BTC, null), {
    value: 96_000_075_000n, fee: 96_000_075n, feeAsset: "USD", reserve: 150_000_000n, reserveAsset: "BTC", sure: true, whole: true,
  });
  const quote = { ...BTC, feeMode: "quote", takerRate: 1_000_001 };
  assert.equal(estimate(asked, quote, null).reserve, 96_000_075_000n + 96_000_172n);
});

test("a market order costs what the book has, and is reserved at the worst", () => {
  const asked = { side: "buy", qty: 20_000n, price: null, worst: BTC.maxPrice, quoteQty: null };
  const found = estimate(asked, BTC, asks());
  assert.deepEqual([found.value, found.reserve, found.sure, found.whole], [201_000_000n, 1_000_000_000_000n, false, true]);
  assert.deepEqual([estimate({ ...asked, qty: 40_000n }, BTC, asks()).whole, estimate({ ...asked, side: "sell" }, BTC, asks()).value], [false, 198_000_000n]);
  const spent = estimate({ side: "buy", qty: null, price: null, worst: 0n, quoteQty: 150_500_000n }, BTC, asks());
  assert.deepEqual([spent.value, spent.reserve, spent.fee], [150_500_000n, 150_500_000n, 150_000n]);
});

test("what is affordable is reserved with what is there, and one lot more is not", () => {
  for (const feeMode of ["received", "quote", "base"]) {
    for (const available of [0n, 1n, 999_999n, 123_456_789n, 10n ** 15n]) {
      for (const side of ["buy", "sell"]) {
        const instrument = { ...BTC, feeMode };
        const lots = affordable(side, available, 6_400_005n, instrument);
        const reserve = (qty) => estimate({ side, qty, price: 6_400_005n, worst: 6_400_005n, quoteQty: null }, instrument, null).reserve;
        assert.ok(reserve(lots) <= available, `${feeMode} ${side} ${available}`);
        assert.ok(reserve(lots + 1n) > available, `${feeMode} ${side} ${available}`);
      }
    }
  }
});
