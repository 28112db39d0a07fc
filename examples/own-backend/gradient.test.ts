import { describeBackend } from "@latentkit/testing";
import { gradient } from "./gradient.ts";

describeBackend("gradient", () => ({
  backend: gradient(),
  request: { prompt: "a" },
  longRequest: { prompt: "a", count: 5000, width: 8, height: 8 },
  unsupported: { request: { prompt: "a", steps: 5 }, field: "steps" },
  workBegun: () => 0,
  isIdle: () => true,
}));
