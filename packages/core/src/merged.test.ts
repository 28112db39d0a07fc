import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { merged } from "./merged.ts";

describe("merged", () => {
  const left: string[] = [];
  let most = 0;
  let now = 0;
  const source = (name: string, ms: number, fails = false) =>
    async function* () {
      most = Math.max(most, ++now);
      try {
        for (let i = 0; i < 2; i++) {
          await sleep(ms);
          if (fails) throw new Error(name);
          yield `${name}${i}`;
        }
      } finally {
        now--;
        left.push(name);
      }
    };

  it("gives what comes as it comes, of so many at once", async () => {
    most = 0;
    const all = await Array.fromAsync(merged([source("a", 30), source("b", 5), source("c", 5)], 2));
    expect(all.slice(0, 2)).toEqual(["b0", "b1"]);
    expect([...all].sort()).toEqual(["a0", "a1", "b0", "b1", "c0", "c1"]);
    expect(most).toBe(2);
    expect(await Array.fromAsync(merged([]))).toEqual([]);
  });

  it("leaves the others when one fails, and when its reader leaves", async () => {
    left.length = 0;
    await expect(Array.fromAsync(merged([source("a", 20), source("b", 1, true), source("c", 1)], 2))).rejects.toThrow(
      "b",
    );
    expect(left.sort()).toEqual(["a", "b"]);
    left.length = 0;
    for await (const _ of merged([source("a", 20), source("b", 1)])) break;
    expect(left.sort()).toEqual(["a", "b"]);
    expect(now).toBe(0);
  });
});
