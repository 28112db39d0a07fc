import { describe, expect, it } from "vitest";
import { stemOf } from "./output-plan.ts";

describe("stemOf", () => {
  it.each([
    ["A red apple, on a BLUE background!", "a-red-apple-on-a-blue-background"],
    ["../../etc/passwd", "etc-passwd"],
    ["  東京の 夜 ", "東京の-夜"],
    ["हिन्दी", "हिन्दी"],
    ["🦊", "picture"],
    ["", "picture"],
    ["CON", "con"],
  ])("%j gives %j", (prompt, stem) => expect(stemOf(prompt)).toBe(stem));

  it("stays short in bytes, whatever the script, and never cuts a character", () => {
    expect(Buffer.byteLength(stemOf("word ".repeat(100)))).toBeLessThanOrEqual(80);
    const long = stemOf("漢".repeat(200));
    expect(Buffer.byteLength(long)).toBeLessThanOrEqual(80);
    expect(long).toMatch(/^漢+$/);
  });
});
