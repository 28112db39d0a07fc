import { describe, expect, it } from "vitest";
import { resolveName } from "./names.ts";

const known = ["SDXL\\juggernaut_XL-v9.safetensors", "sd15/v1-5-pruned-emaonly.safetensors", "a/x.ckpt", "b/x.ckpt"];
const resolve = (name: string) => resolveName(name, known, "model", "checkpoint");

describe("resolveName", () => {
  it.each([
    ["as written", "a/x.ckpt", "a/x.ckpt"],
    ["with the other slash", "SDXL/juggernaut_XL-v9.safetensors", known[0]],
    ["without extension", "sd15/v1-5-pruned-emaonly", known[1]],
    ["in other separators and case", "sdxl/Juggernaut XL v9", known[0]],
    ["by its folder where the last part alone fits two", "a\\X", "a/x.ckpt"],
    ["by its folder, loosely spelt", "a/x_.ckpt", "a/x.ckpt"],
    ["by its last part", "v1-5-pruned-emaonly.safetensors", known[1]],
  ])("finds a name %s", (_, name, expected) => {
    expect(resolve(name)).toEqual({ name: expected });
  });

  it("does not guess between two", () => {
    expect(resolve("x")).toEqual({
      issue: {
        field: "model",
        message: '"x" fits several checkpoints on the server: say which of a/x.ckpt, b/x.ckpt',
        allowed: ["a/x.ckpt", "b/x.ckpt"],
      },
    });
  });

  it("suggests near names", () => {
    const { issue } = resolve("sd15/v1-5-pruned-emaonli.ckpt") as { issue: { message: string } };
    expect(issue.message).toContain(`did you mean ${known[1]}?`);
    const { issue: part } = resolve("juggernaut") as { issue: { message: string } };
    expect(part.message).toContain(`did you mean ${known[0]}?`);
  });

  it("says so when the server has none", () => {
    expect(resolveName("x", [], "loras[0].model", "LoRA")).toEqual({
      issue: { field: "loras[0].model", message: 'the server has no LoRAs at all, so not "x" either', allowed: [] },
    });
  });
});
