import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { reporting } from "./reporting.ts";

async function collect<T>(reports: AsyncGenerator<[number, number], T>): Promise<{ seen: number[][]; value: T }> {
  const seen: number[][] = [];
  let next = await reports.next();
  for (; !next.done; next = await reports.next()) seen.push(next.value);
  return { seen, value: next.value };
}

test("a work's reports come while it goes on, and its value after them", async () => {
  let done = false;
  const reports = reporting(async (onProgress) => {
    for (const i of [1, 2, 3]) {
      onProgress(i, 3);
      await setImmediate();
    }
    done = true;
    return "picture";
  });
  expect((await reports.next()).value).toEqual([1, 3]);
  expect(done).toBe(false);
  expect(await collect(reports)).toEqual({
    seen: [
      [2, 3],
      [3, 3],
    ],
    value: "picture",
  });
});

test("a work that reports nothing, and one that fails after a report", async () => {
  expect(await collect(reporting(async () => 7))).toEqual({ seen: [], value: 7 });
  const failing = reporting(async (onProgress) => {
    onProgress(1, 2);
    throw new Error("no more");
  });
  expect((await failing.next()).value).toEqual([1, 2]);
  await expect(failing.next()).rejects.toThrow("no more");
});
