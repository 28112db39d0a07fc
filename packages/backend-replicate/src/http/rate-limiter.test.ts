import { describe, expect, it } from "vitest";
import { RateLimiter } from "./rate-limiter.ts";

/** How many of the promises have settled once all that can run has run. */
async function settled(promises: Promise<unknown>[]): Promise<number> {
  let done = 0;
  for (const promise of promises)
    promise.then(
      () => done++,
      () => {},
    );
  await new Promise((resolve) => setTimeout(resolve, 20));
  return done;
}

describe("the rate limiter", () => {
  it("lets no more calls through in a minute than allowed, of each kind", async () => {
    const limiter = new RateLimiter({ createsPerMinute: 3, callsPerMinute: 5 });
    const stop = new AbortController();
    const take = (budget: "create" | "call") => limiter.take(budget, { signal: stop.signal });
    expect(await settled(Array.from({ length: 10 }, () => take("create")))).toBe(3);
    expect(await settled(Array.from({ length: 10 }, () => take("call")))).toBe(5);
    stop.abort();
  });

  it("lets nothing through while it was asked to wait, though without limits, and goes on afterwards", async () => {
    const limiter = new RateLimiter({
      createsPerMinute: Number.POSITIVE_INFINITY,
      callsPerMinute: Number.POSITIVE_INFINITY,
    });
    const paused = limiter.pause("create", 60);
    const waiting = [limiter.take("create"), limiter.take("create")];
    expect(await settled(waiting)).toBe(0);
    expect(await settled([limiter.take("call")])).toBe(1);
    await paused;
    await Promise.all(waiting);
  });

  it("stops waiting when the call is aborted", async () => {
    const limiter = new RateLimiter({ callsPerMinute: 1 });
    await limiter.take("call");
    const stop = new AbortController();
    const waiting = limiter.take("call", { signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });

  it("lets a cancel go before other calls", async () => {
    const limiter = new RateLimiter({ callsPerMinute: Number.POSITIVE_INFINITY });
    const order: string[] = [];
    const paused = limiter.pause("call", 30);
    const polls = limiter.take("call").then(() => order.push("poll"));
    const cancel = limiter.take("call", { priority: 1 }).then(() => order.push("cancel"));
    await Promise.all([paused, polls, cancel]);
    expect(order).toEqual(["cancel", "poll"]);
  });
});
