import { describe, expect, test } from "vitest";
import { selfAttentions } from "../networks/unet-2d-condition/self-attentions.ts";
import { unetConfig } from "../networks/unet-2d-condition/unet-2d-condition-config.ts";
import { matchLayers } from "./match-layers.ts";

const names = selfAttentions(unetConfig({ cross_attention_dim: 768 })); // Stable Diffusion 1.5

describe("a layer's name", () => {
  test.each([
    [["mid"], ["mid_block.attentions.0.transformer_blocks.0.attn1"]],
    [["down_blocks.2.attentions.1"], ["down_blocks.2.attentions.1.transformer_blocks.0.attn1"]],
    [["up.block_1.attentions_2"], ["up_blocks.1.attentions.2.transformer_blocks.0.attn1"]],
  ])("%j", (patterns, expected) => {
    expect(matchLayers(patterns, names)).toEqual(expected);
  });

  test.each([
    [["down"], 6],
    [["up"], 9],
    [["down", "mid", "up"], 16],
    [["attn1"], 16],
    [["mid", "mid_block"], 1],
    [["down_blocks.(0|1)"], 4],
    [["down.block_1", "up.block_3"], 5],
    [["^(?!mid).*attentions\\.0"], 6],
  ])("%j: %i of them", (patterns, count) => {
    expect(matchLayers(patterns, names)).toHaveLength(count);
  });

  test("in the order in which they run, each once", () => {
    expect(matchLayers(["up", "attn1", "down"], names)).toEqual(names);
  });

  test.each([
    [
      ["mid", "middle"],
      "guidance.pagLayers[1]",
      /"middle" is in no self-attention's name.*down_blocks\.0\.attentions\.0/,
    ],
    [["attn2"], "guidance.pagLayers[0]", /attn2/],
    [["down.block_3"], "guidance.pagLayers[0]", /down\.block_3/],
    [["("], "guidance.pagLayers[0]", /no regular expression/],
    [["(.+)+!"], "guidance.pagLayers[0]", /too long/],
  ])("%j is refused", (patterns, field, message) => {
    expect(() => matchLayers(patterns, names)).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        issues: [expect.objectContaining({ field, message: expect.stringMatching(message) })],
      }),
    );
  });

  test("all patterns together have a limit of time", () => {
    // Each alone takes some tenths of a second.
    const slow = Array.from(
      { length: 64 },
      (_, i) => `^(?:[a-z_.0-9]+){1,2}[a-z_.0-9]{1,${12 + (i % 3)}}(?:.+)+!|attn1`,
    );
    const begun = performance.now();
    try {
      matchLayers(slow, names);
    } catch (error) {
      expect(error).toMatchObject({ code: "invalid_request" });
    }
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  test("the names that there are come with the refusal", () => {
    expect(() => matchLayers(["x-y"], names)).toThrow(
      expect.objectContaining({ issues: [expect.objectContaining({ allowed: names })] }),
    );
  });

  test("a network without self-attention refuses perturbed attention itself", () => {
    expect(() => matchLayers(["mid"], [])).toThrow(
      expect.objectContaining({ issues: [expect.objectContaining({ field: "guidance.pagScale" })] }),
    );
  });
});
