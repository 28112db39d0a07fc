import { describe, expect, it } from "vitest";
import { runInside } from "../testing/latentkit.ts";
import { readSetting, withSettings } from "./set-fields.ts";

/** The request that flags make, as a backend without a model is asked for it: the error tells what it was. */
async function refused(...flags: string[]): Promise<string> {
  const { code, stdout, stderr } = await runInside(["generate", "--model", "/no/such/model", ...flags]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  return stderr.trim();
}

describe("flags that are wrong", () => {
  it.each([
    [["a", "fox"], /too many words outside of flags: put quotes around the prompt \("a fox"\)/],
    [["a fox", "--prompt", "a dog"], /--prompt: the prompt is given twice/],
    [["--steps", "4", "--num-inference-steps", "5", "a"], /--num-inference-steps: says the same as --steps/],
    [["--eta", "0.5", "a"], /--eta: is not known here: use --sampler-options eta/],
    [["--response-format", "b64_json", "a"], /--response-format: .* --out -/],
    [["--size", "big", "a"], /--size: must be width x height, such as 1024x768/],
    [["--control", "edges.png", "a"], /type=image, such as canny=edges.png/],
    [["--set", "steps", "a"], /--set: must be path=value/],
    [["--set", "__proto__.x=1", "a"], /--set: must be path=value/],
    [["--set", "prompt.x=1", "a"], /--set: prompt has no fields; it is "a"/],
    [["--set", "loras[1].model=x", "a"], /--set: loras.1.model: the list has 0 entries/],
    [["--timeout", "0", "a"], /must be a number of seconds above 0/],
    [["--recipe", "a.png", "--request", "b.json"], /--request: give a request or a --recipe, not both/],
    [["--request", "/no/such.json"], /--request: the file cannot be read: \/no\/such.json \(ENOENT\)/],
    [["--out", "-", "--json", "a"], /--out -: standard output cannot hold/],
    [["--out", "-", "--count", "2", "a"], /--out -: standard output takes one picture/],
    [["--out", "-", "--save-latent", "a"], /--out -: the latent/],
    [["--out", "a.png", "--format", "webp", "a"], /--format: is webp, but --out names a.png/],
    [["--format", "gif", "a"], /^latentkit: --format: must be one of png, jpeg, webp$/],
    [["--lora", "x:99", "a"], /^latentkit: --lora 1 strength: must be at most 20$/],
    [["--prompt", "-"], /--prompt -: reads standard input/],
    [["--on-unsupported", "never", "a"], /Allowed choices are error, warn/],
  ])("%j", async (flags, message) => {
    expect(await refused(...flags)).toMatch(message);
  });
});

describe("--set", () => {
  const base = { prompt: "a", guidance: { rescale: 0.1 }, loras: [{ model: "x" }, { model: "y" }] };
  it.each([
    ["steps=30", { ...base, steps: 30 }],
    ["guidance.rescale=0.7", { ...base, guidance: { rescale: 0.7 } }],
    ["guidance.scales=[1,2]", { ...base, guidance: { rescale: 0.1, scales: [1, 2] } }],
    ["loras[1].strength=0.5", { ...base, loras: [{ model: "x" }, { model: "y", strength: 0.5 }] }],
    ["loras.0=", { ...base, loras: [{ model: "y" }] }],
    ["guidance=", { prompt: "a", loras: base.loras }],
    ["prompt=a = b", { ...base, prompt: "a = b" }],
    ["seed=18446744073709551615", { ...base, seed: "18446744073709551615" }],
    [
      "backendOptions.comfy.inpaint=inpaint-model",
      { ...base, backendOptions: { comfy: { inpaint: "inpaint-model" } } },
    ],
    ['conditioning[0]={"kind":"text","prompt":"b"}', { ...base, conditioning: [{ kind: "text", prompt: "b" }] }],
  ])("%s", (text, expected) => {
    expect(withSettings(base, [readSetting(text)])).toEqual(expected);
    expect(base.loras).toHaveLength(2);
  });
});
