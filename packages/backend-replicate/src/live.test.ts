import { AbortedError, createClient, NotFoundError } from "@latentkit/core";
import { describe, expect, it } from "vitest";
import { replicate } from "./replicate.ts";
import { failureOf } from "./testing/harness.ts";

/** Costs a few cents: runs where LATENTKIT_LIVE=1 and REPLICATE_API_TOKEN are set, and is else reported as not run. */
const { LATENTKIT_LIVE, REPLICATE_API_TOKEN } = process.env;
const live = LATENTKIT_LIVE === "1" && (REPLICATE_API_TOKEN ?? "") !== "";
const suffix = live ? "" : " (not run: set LATENTKIT_LIVE=1 and REPLICATE_API_TOKEN)";

describe.runIf(live)(`Replicate itself${suffix}`, () => {
  const model = "black-forest-labs/flux-schnell";

  it("makes a picture", async () => {
    await using client = createClient({ backend: replicate({ model }) });
    const job = client.generate({ prompt: "a red apple on a blue background", seed: 7 });
    const types = new Set<string>();
    for await (const event of job) types.add(event.type);
    const { images } = await job;
    expect((await images[0]!.pixels()).width).toBeGreaterThan(256);
    for (const type of ["queued", "started", "image", "completed"]) expect(types).toContain(type);
  });

  it("is cancelled", async () => {
    await using client = createClient({ backend: replicate({ model: "black-forest-labs/flux-dev" }) });
    const job = client.generate({ prompt: "a red apple", steps: 50 });
    job.on("queued", () => job.cancel());
    expect(AbortedError.isInstance(await failureOf(job))).toBe(true);
  });

  it("knows no model of that name", async () => {
    await using client = createClient({ backend: replicate({ model: "latentkit/there-is-no-such-model" }) });
    expect(NotFoundError.isInstance(await failureOf(client.generate({ prompt: "a" })))).toBe(true);
  });
});
