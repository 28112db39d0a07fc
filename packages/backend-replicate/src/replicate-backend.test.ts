import { describeBackend } from "@latentkit/testing";
import { replicate } from "./replicate.ts";
import { startFakeReplicate } from "./testing/fake-replicate.ts";

for (const [model, name] of [
  ["acme/painter", "replicate, polling"],
  ["acme/dreamer", "replicate, a model with previews"],
] as const) {
  describeBackend(name, async () => {
    const fake = await startFakeReplicate();
    const backend = replicate({ model, url: fake.url, token: fake.token, poll: { minMs: 10, maxMs: 20 } });
    return {
      backend,
      request: { prompt: "a red apple", width: 24, height: 16, steps: 3 },
      longRequest: { prompt: "a red apple", width: 24, height: 16, steps: 500 },
      unsupported: { request: { prompt: "a", steps: 501 }, field: "steps" },
      failing: { prompt: "fail", steps: 2 },
      partlyFailing: { prompt: "fail odd seeds", steps: 2, seed: 4, count: 4 },
      workBegun: () => fake.state.created,
      isIdle: () => fake.state.running === 0,
      teardown: () => fake.close(),
    };
  });
}

describeBackend("replicate, streaming", async () => {
  const fake = await startFakeReplicate();
  const backend = replicate({ model: "acme/painter", url: fake.url, token: fake.token, poll: { minMs: 2000 } });
  return {
    backend,
    request: { prompt: "stream an apple", width: 24, height: 16, steps: 3 },
    longRequest: { prompt: "stream an apple", width: 24, height: 16, steps: 500 },
    unsupported: { request: { prompt: "a", sampler: "none" }, field: "sampler" },
    failing: { prompt: "stream and fail", steps: 2 },
    partlyFailing: { prompt: "stream and fail odd seeds", steps: 2, seed: 4, count: 4 },
    workBegun: () => fake.state.created,
    isIdle: () => fake.state.running === 0,
    teardown: () => fake.close(),
  };
});
