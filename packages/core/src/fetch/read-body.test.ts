import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { boundedBody, readBody } from "./read-body.ts";

const limits = { maxBytes: 1000, timeoutMs: 100, wholeMs: 2000, what: "the answer" };
async function* trickle(everyMs: number, size = 1): AsyncGenerator<Buffer> {
  for (let i = 0; i < 100_000; i++) {
    yield Buffer.alloc(size);
    await sleep(everyMs);
  }
}

it("reads a body, and one that comes fast enough however long it takes", async () => {
  expect((await readBody(Readable.from([Buffer.from("a"), Buffer.from("b")]), limits)).toString()).toBe("ab");
});

it("gives up one that trickles, that says nothing, or that never ends", async () => {
  const begun = performance.now();
  await expect(readBody(Readable.from(trickle(5)), limits)).rejects.toMatchObject({ code: "timeout" });
  await expect(readBody(new Readable({ read() {} }), limits)).rejects.toMatchObject({ code: "timeout" });
  const fast = { ...limits, maxBytes: 1e9, wholeMs: 300 };
  await expect(readBody(Readable.from(trickle(1, 100_000)), fast)).rejects.toMatchObject({ code: "timeout" });
  expect(performance.now() - begun).toBeLessThan(10_000);
});

it("refuses one that is too large, told or untold, and lets go of it", async () => {
  const told = Readable.from(trickle(1));
  await expect(readBody(told, { ...limits, length: 1001 })).rejects.toThrow(/larger than 1000 bytes/);
  expect(told.destroyed).toBe(true);
  const untold = Readable.from(trickle(1, 600));
  await expect(readBody(untold, limits)).rejects.toThrow(/larger than 1000 bytes/);
  expect(untold.destroyed).toBe(true);
});

it("does not count the time in which its reader lets it wait", async () => {
  let parts = 0;
  for await (const _ of boundedBody(Readable.from([1, 2, 3].map(() => Buffer.alloc(1))), limits)) {
    parts++;
    await sleep(150);
  }
  expect(parts).toBe(3);
});
