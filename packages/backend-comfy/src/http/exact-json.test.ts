import { describe, expect, it } from "vitest";
import { exactInteger, parseExact, stringifyExact } from "./exact-json.ts";

describe("exact JSON", () => {
  it("carries seeds up to 2^64-1 both ways", () => {
    const text = '{"seed":18446744073709551615,"small":7,"float":0.1234567890123456789,"negative":-9007199254740993}';
    const value = parseExact(text);
    expect(value).toEqual({ seed: 2n ** 64n - 1n, small: 7, float: 0.12345678901234568, negative: -9007199254740993n });
    expect(stringifyExact({ seed: 2n ** 64n - 1n, list: [1n, 2] })).toBe('{"seed":18446744073709551615,"list":[1,2]}');
  });

  it("leaves digits inside strings alone", () => {
    expect(parseExact('{"a":"18446744073709551615"}')).toEqual({ a: "18446744073709551615" });
  });

  it("reads Python's NaN and Infinity as null, outside strings only", () => {
    expect(parseExact('{"a":NaN,"b":[-Infinity,Infinity],"c":"NaN \\" Infinity","d":12345678901234567890}')).toEqual({
      a: null,
      b: [null, null],
      c: 'NaN " Infinity',
      d: 12345678901234567890n,
    });
  });

  it("still refuses what is not JSON", () => {
    expect(() => parseExact("<html>NaN</html>")).toThrow(SyntaxError);
  });

  it("keeps a number a number where that is exact", () => {
    expect(exactInteger("9007199254740991")).toBe(9007199254740991);
    expect(exactInteger("9007199254740993")).toBe(9007199254740993n);
  });
});
