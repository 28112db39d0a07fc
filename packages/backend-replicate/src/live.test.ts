import { AbortedError, createClient, NotFoundError } from "@latentkit/core";
import { describeBackend } from "@latentkit/testing";
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

/** A Cog server with the model of cog/fixtures/predict.py, at LATENTKIT_COG_URL. */
const cogUrl = process.env.LATENTKIT_COG_URL ?? "";

if (cogUrl === "") {
  it.skip("A Cog server (not run: set LATENTKIT_COG_URL)", () => {});
} else {
  describeBackend("replicate, a real Cog server", () => ({
    backend: replicate({ url: cogUrl }),
    request: { prompt: "a red apple", steps: 1 },
    longRequest: { prompt: "a red apple", steps: 100 },
    unsupported: { request: { prompt: "a", guidanceScale: 3 }, field: "guidanceScale" },
    failing: { prompt: "please fail" },
    // The server keeps no count: that nothing was begun is seen by its being idle.
    workBegun: async () => ((await health()) === "READY" ? 0 : 1),
    isIdle: async () => (await health()) === "READY",
  }));
}

async function health(): Promise<string> {
  const { status } = (await (await fetch(new URL("/health-check", cogUrl))).json()) as { status: string };
  return status;
}
