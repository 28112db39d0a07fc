import { expect, test } from "vitest";
import type { Mapping } from "./mapping.ts";
import { samplerPairs } from "./sampler.ts";

test("values that only the core's table of other tools' names knows stand for ComfyUI's; unknown ones for themselves", () => {
  const mapping = {
    family: {},
    find: () => ({ name: "scheduler", enum: ["DPM++ 2S a Karras", "DPMSolverMultistep", "K_EULER", "OurOwn"] }),
  } as unknown as Mapping;
  expect(samplerPairs(mapping)).toEqual([
    { value: "DPM++ 2S a Karras", pair: { sampler: "dpmpp_2s_ancestral", scheduler: "karras" } },
    { value: "DPMSolverMultistep", pair: { sampler: "dpmpp_2m" } },
    { value: "K_EULER", pair: { sampler: "euler" } },
    { value: "OurOwn", pair: { sampler: "OurOwn" } },
  ]);
});
