import { ConnectionError } from "@latentkit/core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ServerBackend } from "../comfy-backend.ts";
import { firstAnswers, PoolMember } from "./pool-member.ts";

const idle = { queue_running: [], queue_pending: [] };

/** A member whose server's queue is asked by `ask`. */
function member(ask: () => Promise<unknown>): PoolMember {
  const server = { url: "http://gpu", http: { json: ask } };
  return new PoolMember({ server } as unknown as ServerBackend, 5_000);
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("PoolMember", () => {
  it("rests after a failure, longer each time, and is well again after an answer", async () => {
    const ask = vi.fn().mockRejectedValue(new ConnectionError("down"));
    const server = member(ask);
    expect(server.isWell).toBe(true);
    expect(await server.look()).toEqual({ url: "http://gpu", reachable: false, error: "down" });
    vi.advanceTimersByTime(900);
    expect(await server.look()).toMatchObject({ reachable: false, error: "it failed a moment ago" });
    expect(ask).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(200);
    expect(await server.look()).toMatchObject({ error: "down" });
    vi.advanceTimersByTime(1_900);
    expect(await server.look(), "two seconds, the second time").toMatchObject({ error: "it failed a moment ago" });
    expect(ask).toHaveBeenCalledTimes(2);
    expect(server.isWell).toBe(false);
    vi.advanceTimersByTime(200);
    ask.mockResolvedValue({ queue_running: [[0, "a"]], queue_pending: [[1, "b"]] });
    expect(await server.look()).toEqual({ url: "http://gpu", reachable: true, jobs: 2 });
    expect(server.isWell).toBe(true);
  });

  it("is asked once by jobs that start together", async () => {
    const ask = vi.fn().mockResolvedValue(idle);
    const server = member(ask);
    await Promise.all([server.look(), server.look()]);
    await server.look();
    expect(ask).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(300);
    await server.look();
    expect(ask).toHaveBeenCalledTimes(2);
  });

  it("is not well while it is late", async () => {
    const server = member(() => new Promise(() => {}));
    void server.look();
    vi.advanceTimersByTime(300);
    expect(server.isWell).toBe(true);
    vi.advanceTimersByTime(200);
    expect(server.isWell).toBe(false);
  });
});

describe("firstAnswers", () => {
  it("waits a moment for a server that is late the first time, and not at all the second", async () => {
    const members = [member(() => new Promise(() => {})), member(async () => idle)];
    const first = firstAnswers(members);
    await vi.advanceTimersByTimeAsync(300);
    const isKnown = vi.fn();
    void first.then(isKnown);
    await vi.advanceTimersByTimeAsync(0);
    expect(isKnown).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(150);
    expect(await first).toEqual([undefined, { url: "http://gpu", reachable: true, jobs: 0 }]);
    expect((await firstAnswers(members))[1]).toMatchObject({ reachable: true });
  });

  it("waits for a late server where nobody else answers", async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const late = firstAnswers([member(() => promise), member(() => Promise.reject(new ConnectionError("down")))]);
    await vi.advanceTimersByTimeAsync(3_000);
    resolve(idle);
    expect((await late).map((answer) => answer?.reachable)).toEqual([true, false]);
  });
});
