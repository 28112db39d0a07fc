import { describe, expect, it } from "vitest";
import { PollPacer } from "./poll-pacer.ts";

describe("the pace of polls", () => {
  it("slows down with a prediction's age, up to the longest wait", () => {
    const pacer = new PollPacer({ minMs: 100, maxMs: 1000 }, 3000);
    expect(pacer.delay(0)).toBeLessThanOrEqual(110);
    expect(pacer.delay(3)).toBeGreaterThan(200);
    expect(pacer.delay(50)).toBeLessThanOrEqual(1100);
  });

  it("looks again soon after the end that the log estimates", () => {
    const pacer = new PollPacer({ minMs: 100, maxMs: 5000 }, 3000);
    expect(pacer.delay(50, 0)).toBeLessThanOrEqual(110);
    expect(pacer.delay(50, 1000)).toBeLessThanOrEqual(1155);
    expect(pacer.delay(0, 9000)).toBeLessThanOrEqual(110);
  });

  it("keeps a thousand predictions below the calls a minute that are allowed", () => {
    const pacer = new PollPacer({}, 3000);
    for (let i = 0; i < 1000; i++) pacer.begin();
    const callsPerMinute = (1000 * 60_000) / (pacer.delay(0) / 0.9);
    expect(callsPerMinute).toBeLessThanOrEqual(3000);
    for (let i = 0; i < 1000; i++) pacer.end();
    expect(pacer.delay(0)).toBeLessThan(600);
  });
});
