import { describe, expect, it } from "vitest";
import { redisProgram } from "../../packages/queue/src/testing/redis-server.ts";
import { runQueue } from "./queue-run.ts";

describe.skipIf(redisProgram === undefined)("a queue whose worker is killed (not run without redis-server)", () => {
  it.each(["billed", "free"] as const)("makes every %s picture, each once", { timeout: 120_000 }, async (kind) => {
    const { right, lost, wrong, doubled, orders, errors } = await runQueue({ kind, jobs: 24, workers: 2, killed: 1 });
    expect({ right, lost, wrong, doubled, errors: [...errors] }).toEqual({
      right: 24,
      lost: 0,
      wrong: 0,
      doubled: 0,
      errors: [],
    });
    if (kind === "billed") expect(orders).toBe(24);
  });
});
