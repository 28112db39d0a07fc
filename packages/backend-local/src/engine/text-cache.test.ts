import { expect, test } from "vitest";
import { TextCache } from "./text-cache.ts";

/** Asks for texts by their keys, each of so many numbers, and gives those that had to be made. */
async function made(cache: TextCache, keys: string, numbers: number): Promise<string> {
  let found = "";
  for (const key of keys)
    await cache.get(key, async () => {
      found += key;
      return [{ states: { length: numbers } as Float32Array, width: 1, pooled: new Float32Array(0) }];
    });
  return found;
}

test("what was asked for longest ago goes first", async () => {
  const cache = new TextCache();
  const tenth = 1_700_000;
  expect(await made(cache, "abcdefghi", tenth)).toBe("abcdefghi");
  expect(await made(cache, "a", tenth)).toBe("");
  expect(await made(cache, "j", tenth)).toBe("j");
  expect(await made(cache, "acdefghij", tenth), "b made place").toBe("");
});

test("the last four are kept though they are long, but for those that are longer than all else", async () => {
  const cache = new TextCache();
  const long = 15_700_000;
  expect(await made(cache, "abcdabcd", long)).toBe("abcd");
  expect(await made(cache, "ebcd", long)).toBe("e");
  expect(await made(cache, "a", long)).toBe("a");
  const longest = new TextCache();
  expect(await made(longest, "abcdbcd", 20_000_000)).toBe("abcd");
  expect(await made(longest, "a", 20_000_000)).toBe("a");
});

test("what fails is not kept", async () => {
  const cache = new TextCache();
  await expect(cache.get("a", () => Promise.reject(new Error("broke")))).rejects.toThrow("broke");
  expect(await made(cache, "a", 1)).toBe("a");
});
