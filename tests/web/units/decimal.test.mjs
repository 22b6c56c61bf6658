import assert from "node:assert/strict";
import { test } from "node:test";
import { brief, divCeil, divFloor, format, grouped, parse, placesOf, shown } from "../../../python/exchange/web/exchange/decimal.js";

test("decimals are read exactly, or not at all", () => {
  const read = [["64000.5", 2], ["0.1", 18], ["-3.25", 2], [".5", 1], ["7.", 0], [" 1.10 ", 1], ["9007199254740993.01", 2]];
  assert.deepEqual(read.map(([text, scale]) => parse(text, scale)), [6400050n, 10n ** 17n, -325n, 5n, 7n, 11n, 900719925474099301n]);
  for (const text of ["", " ", "1e3", "+1", "1,000", "0x10", "1.2.3", ".", "-", "NaN", "Infinity", "1_0", "١"]) assert.equal(parse(text, 8), null, text);
  assert.equal(parse("1.001", 2), null);
});

test("what is written is read as the same", () => {
  let seed = 7n;
  for (let place = 0; place < 2_000; place += 1) {
    seed = (seed * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n;
    const [value, scale] = [BigInt.asIntN(64, seed), Number(seed % 19n)];
    assert.equal(parse(format(value, scale), scale), value);
  }
});

test("quotients are rounded to the named side, also below zero", () => {
  for (let dividend = -20n; dividend <= 20n; dividend += 1n) {
    for (let divisor = 1n; divisor < 8n; divisor += 1n) {
      const exact = Number(dividend) / Number(divisor);
      assert.equal(divFloor(dividend, divisor), BigInt(Math.floor(exact)));
      assert.equal(divCeil(dividend, divisor), BigInt(Math.ceil(exact)));
    }
  }
});

test("numbers are written to be read", () => {
  assert.deepEqual(["1234567.8", "-1234.5", "999", "1000"].map(grouped), ["1,234,567.8", "-1,234.5", "999", "1,000"]);
  assert.deepEqual(["1.50000000", "2.00000000", "0.00001000", "12"].map((text) => brief(text)), ["1.50", "2.00", "0.00001", "12"]);
  assert.equal(shown(-123456n, 2), "-1,234.56");
  assert.deepEqual(["1", "1.", "1.25"].map(placesOf), [0, 0, 2]);
});
