import { type GenerationRequest, parseRequest } from "@latentkit/core";
import { expect, test } from "vitest";
import { readModelFolder } from "../models/model-folder.ts";
import { fixtureModel } from "../testing/test-model.ts";
import { resolved, settle } from "./settings.ts";

const folder = await readModelFolder(fixtureModel("sd1"));
const guidance = { mode: "cfg", rescale: 0, start: 0, end: 1 } as const;
const settingsOf = (fields: Partial<GenerationRequest> = {}) =>
  settle(parseRequest({ prompt: "a red apple", steps: 4, ...fields }), folder);

test("a CFG++ sampler has a scale of its own where the request names none", () => {
  expect(resolved(settingsOf())).toMatchObject({ guidanceScale: 7.5 });
  expect(resolved(settingsOf({ sampler: "euler_cfg_pp" }))).toMatchObject({ guidanceScale: 0.6 });
  expect(settingsOf({ sampler: "euler_cfg_pp" }).guidance).toMatchObject({ mode: "cfg++", scale: 0.6 });
  expect(resolved(settingsOf({ sampler: "euler_cfg_pp", guidanceScale: 0.3 }))).toMatchObject({ guidanceScale: 0.3 });
});

test("a scale below 1 is none, also one of a schedule, but not CFG++'s", () => {
  expect(settingsOf({ guidanceScale: 0.5 }).guidance).toMatchObject({ scale: 1 });
  expect(settingsOf({ guidance: { ...guidance, scales: [0.5, 3, 0, 1] } }).guidance.scales).toEqual([1, 3, 1, 1]);
  const plus = settingsOf({ sampler: "euler_cfg_pp", guidance: { ...guidance, scales: [0.5, 3, 0, 1] } });
  expect(plus.guidance.scales).toEqual([0.5, 3, 0, 1]);
});

test("perturbed attention is the middle's unless layers are named, and off without a scale", () => {
  expect(settingsOf({ guidance: { ...guidance, pagScale: 0, pagLayers: ["up"] } }).perturbed).toBeUndefined();
  const middle = settingsOf({ guidance: { ...guidance, pagScale: 2 } });
  expect(middle.perturbed?.layers).toEqual(["mid_block.attentions.0.transformer_blocks.0.attn1"]);
  expect(resolved(middle).guidance).toEqual({ ...guidance, pagScale: 2, pagLayers: ["mid"] });
  expect(settingsOf({ guidance: { ...guidance, pagScale: 2, pagLayers: ["up"] } }).perturbed?.layers).toHaveLength(2);
});

test("a schedule for image-to-image is as long as the steps that are left, and any for none", () => {
  const image = { task: "image-to-image", image: "a.png", guidance: { ...guidance, scales: [5, 4] } } as const;
  expect(settingsOf({ ...image, strength: 0.5 } as never).grid.steps).toBe(2);
  expect(settingsOf({ ...image, strength: 0 } as never).grid.steps).toBe(0);
  expect(() => settingsOf({ ...image, strength: 1 } as never)).toThrow(/guidance\.scales.*2 entries for 4 steps/);
});
