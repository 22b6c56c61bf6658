import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "../../../python/exchange/web/exchange/crc32.js";
import { BookParted, groupOf, OrderBook } from "../../../python/exchange/web/exchange/order-book.js";

const book = (told) => {
  const made = new OrderBook(2, 4);
  made.begin(told);
  return made;
};
const rows = (side) => side.prices.map((price) => [price, side.at.get(price).qty, side.at.get(price).orders]);

test("the checksum is that of zlib", () => {
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  // zlib.crc32(struct.pack("<4q", 9999, 15000, 10001, 20000))
  const made = new OrderBook(2, 4);
  made.begin({ bids: [["99.99", "1.5", 1]], asks: [["100.01", "2", 2]], lastSequence: "5", checksum: undefined });
  assert.equal(made.checksum(), 3575556913);
});

test("updates set, change and remove levels, best first", () => {
  const made = book({ bids: [["99.00", "1", 1], ["98.00", "2", 1]], asks: [["101.00", "1", 1]], lastSequence: "10" });
  made.apply({ bids: [["99.00", "0", 0], ["98.50", "3.5", 2]], asks: [["100.50", "0.0001", 1]], firstSequence: "11", lastSequence: "14" });
  assert.deepEqual(rows(made.bids), [[9850n, 35000n, 2], [9800n, 20000n, 1]]);
  assert.deepEqual(rows(made.asks), [[10050n, 1n, 1], [10100n, 10000n, 1]]);
  assert.deepEqual([made.bestBid, made.bestAsk, made.sequence], [9850n, 10050n, 14n]);
});

test("a gap, and a checksum that is another one, part the book until the next snapshot", () => {
  const told = { bids: [["99.00", "1", 1]], asks: [], lastSequence: "10" };
  const next = { bids: [["98.00", "1", 1]], asks: [], firstSequence: "12", lastSequence: "12" };
  const made = book(told);
  assert.throws(() => made.apply(next), BookParted);
  assert.throws(() => made.apply({ ...next, firstSequence: "11" }), BookParted);
  made.begin(told);
  assert.throws(() => made.apply({ ...next, firstSequence: "11", checksum: 1 }), BookParted);
  assert.equal(made.ready, false);
  made.begin(told);
  made.apply({ ...next, firstSequence: "11" });
  assert.equal(made.ready, true);
});

test("any updates fold to the book that they tell", () => {
  let seed = 1;
  const next = (most) => (seed = (seed * 48271) % 2147483647) % most;
  const naive = { bids: new Map(), asks: new Map() };
  const made = book({ bids: [], asks: [], lastSequence: "0" });
  for (let at = 1; at <= 3_000; at += 1) {
    const side = next(2) ? "bids" : "asks";
    const [price, qty] = [BigInt(side === "bids" ? 5_000 + next(300) : 5_400 + next(300)), BigInt(next(3) ? next(1_000) : 0)];
    if (qty) naive[side].set(price, qty);
    else naive[side].delete(price);
    const row = [`${price / 100n}.${String(price % 100n).padStart(2, "0")}`, `${qty}`, 1];
    made.apply({ bids: [], asks: [], [side]: [row], firstSequence: String(at), lastSequence: String(at) });
  }
  for (const [side, sign] of [["bids", -1], ["asks", 1]]) {
    const expected = [...naive[side]].sort(([a], [b]) => sign * Number(a - b)).map(([price, qty]) => [price, qty * 10_000n]);
    assert.ok(expected.length > 100);
    assert.deepEqual(rows(made[side]).map(([price, qty]) => [price, qty]), expected);
  }
});

test("groups put bids down and asks up, and sum as they go", () => {
  assert.deepEqual([groupOf(-7n, 5n, false), groupOf(-7n, 5n, true), groupOf(7n, 5n, false), groupOf(7n, 5n, true), groupOf(10n, 5n, true)], [-10n, -5n, 5n, 10n, 10n]);
  const made = book({ bids: [["10.07", "1", 1], ["10.06", "2", 1], ["9.99", "4", 1]], asks: [["10.08", "1", 1], ["10.10", "2", 3], ["10.11", "4", 1]], lastSequence: "1" });
  assert.deepEqual(made.bids.levels(10n, 9), [{ price: 1000n, qty: 30000n, total: 30000n, orders: 2 }, { price: 990n, qty: 40000n, total: 70000n, orders: 1 }]);
  assert.deepEqual(made.asks.levels(10n, 1), [{ price: 1010n, qty: 30000n, total: 30000n, orders: 4 }]);
  assert.deepEqual(made.asks.levels(1n, 2).map((each) => each.total), [10000n, 30000n]);
});
