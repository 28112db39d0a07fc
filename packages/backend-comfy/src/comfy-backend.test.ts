import { describeBackend, FakeComfy } from "@latentkit/testing";
import { comfy } from "./comfy-backend.ts";

for (const delivery of ["view", "temp", "socket"] as const) {
  describeBackend(`comfy on the fake server, pictures by ${delivery}`, async () => {
    const fake = await FakeComfy.start({
      stepMs: 2,
      fails: (id, prompt) => {
        const text = String(prompt["positive"]?.inputs["text"]);
        const fails = text === "fail" ? id === "sampler" : text === "fail the second" && id === "sampler-1";
        return fails ? { message: "the sampler broke" } : undefined;
      },
    });
    const size = { width: 64, height: 64 } as const;
    return {
      backend: comfy({ url: fake.url, delivery, pollMs: 200 }),
      request: { prompt: "stripes", steps: 4, ...size },
      longRequest: { prompt: "stripes", steps: 1000, ...size },
      unsupported: { request: { prompt: "stripes", sampler: "none" }, field: "sampler" },
      failing: { prompt: "fail", ...size },
      partlyFailing: { prompt: "fail the second", count: 3, steps: 4, ...size },
      workBegun: () => fake.prompts.length,
      isIdle: () => fake.isIdle,
      teardown: () => fake.stop(),
    };
  });
}
