import { describeBackend } from "../conformance/describe-backend.ts";
import { memoryBackend } from "./memory-backend.ts";

describeBackend("the in-memory reference", () => {
  const backend = memoryBackend({
    fails: (prompt, index) => prompt === "fail" || (prompt === "fail the second" && index === 1),
  });
  return {
    backend,
    request: { prompt: "stripes" },
    longRequest: { prompt: "stripes", steps: 800 },
    unsupported: { request: { prompt: "stripes", sampler: "heun" }, field: "sampler" },
    failing: { prompt: "fail" },
    partlyFailing: { prompt: "fail the second", count: 3 },
    workBegun: () => backend.begun,
    isIdle: () => backend.running === 0,
  };
});
