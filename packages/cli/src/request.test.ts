import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeImage, readRecipe } from "@latentkit/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeFolder, removeFolder, run } from "./testing/latentkit.ts";

let folder: string;
beforeEach(async () => {
  folder = await makeFolder();
});
afterEach(() => removeFolder(folder));

/** A configuration whose backend does whatever it is asked for, and writes down what that was. */
const anything = `
import { writeFileSync } from "node:fs";
export default { backend: { id: "anything", dispose: async () => {},
  capabilities: async () => ({ backend: "anything", tasks: ["text-to-image", "image-to-image", "inpaint", "outpaint", "upscale"],
    features: ["negativePrompt", "seed", "steps", "guidanceScale", "guidance", "sampler", "scheduler", "clipSkip", "promptSyntax", "loras", "embeddings",
      "hires", "strength", "imageGuidanceScale"], conditioning: ["text", "control", "image-prompt", "reference"], samplers: ["euler", "own_sampler"], schedulers: ["karras"],
    outputFormats: ["png", "jpeg", "webp"], limits: { width: { min: 8, max: 64, multipleOf: 8 } }, keepsUnmasked: true, resume: false,
    defaults: { width: 16, height: 8, steps: 7, sampler: "euler" } }),
  async *generate(request) {
    writeFileSync("asked.json", JSON.stringify(request));
    const base64 = Buffer.alloc(16 * 8 * 3, 90).toString("base64");
    yield { type: "image", index: 0, image: { kind: "pixels", width: 16, height: 8, channels: 3, base64 } };
    yield { type: "completed" };
  } } };`;

/** Runs `latentkit generate` on that backend. @returns the request that it was asked for. */
async function asked(args: readonly string[], stdin?: string) {
  await writeFile(join(folder, "latentkit.config.ts"), anything);
  const outcome = await run(["generate", "--seed", "1", ...args], folder, {}, stdin);
  expect(outcome).toMatchObject({ code: 0, stderr: "" });
  return JSON.parse(await readFile(join(folder, "asked.json"), "utf8"));
}

const photo = await encodeImage({ width: 16, height: 8, channels: 3, data: new Uint8Array(16 * 8 * 3).fill(7) }, "png");

describe("latentkit generate takes all of a request", () => {
  it("by flags", async () => {
    await writeFile(join(folder, "edges.png"), photo);
    const request = await asked([
      ..."--negative no --clip-skip 2 --hires 1.5 --hires-strength 0.4 --hires-steps 9 --hires-upscaler bilinear".split(
        " ",
      ),
      ..."--lora ink.safetensors:0.8 --lora C:\\loras\\paper.safetensors --embedding easy.pt=easy".split(" "),
      ..."--control canny=edges.png:0.5 --image-prompt edges.png --reference edges.png --format jpg --quality 70 --no-embed-recipe".split(
        " ",
      ),
      ..."--prompt-syntax a1111 --embed-inputs --set guidance.rescale=0.7 --set conditioning[1].end=0.5".split(" "),
      "a fox",
    ]);
    const image = { path: "edges.png" };
    expect(request).toMatchObject({
      prompt: "a fox",
      negativePrompt: "no",
      clipSkip: 2,
      promptSyntax: "a1111",
      hires: { scale: 1.5, strength: 0.4, steps: 9, upscaler: "bilinear" },
      loras: [
        { model: "ink.safetensors", strength: 0.8 },
        { model: "C:\\loras\\paper.safetensors", strength: 1 },
      ],
      embeddings: [{ model: "easy.pt", token: "easy" }],
      conditioning: [
        { kind: "image-prompt", image, strength: 1 },
        { kind: "control", control: "canny", image, strength: 0.5, end: 0.5 },
        { kind: "reference", image },
      ],
      guidance: { rescale: 0.7 },
      output: { format: "jpeg", quality: 70, embedRecipe: false, embedInputs: true },
    });
  });

  it("by other tools' names", async () => {
    const flags = "--num-inference-steps 9 --guidance-scale 3 --negative-prompt no --size 32x16 --sampler-name euler";
    expect(await asked([...flags.split(" "), "--output-format=webp", "a"])).toMatchObject({
      steps: 9,
      guidanceScale: 3,
      negativePrompt: "no",
      width: 32,
      height: 16,
      sampler: "euler",
      output: { format: "webp" },
    });
    const fields =
      "--num_inference_steps=9 --guidance_scale 3 --negative_prompt no_text --clip_skip 2 --output_format webp";
    expect(await asked([...fields.split(" "), "--", "--a_b"])).toMatchObject({
      prompt: "--a_b",
      steps: 9,
      guidanceScale: 3,
      negativePrompt: "no_text",
      clipSkip: 2,
      output: { format: "webp" },
    });
    expect(await asked(["a", "--cfg", "3"])).toMatchObject({ guidanceScale: 3 });
  });

  it("as JSON, from a file or standard input, with flags and settings over it", async () => {
    const request = { prompt: "a fox", steps: 4, loras: [{ model: "x" }], output: { quality: 50 } };
    await writeFile(join(folder, "request.json"), JSON.stringify(request));
    const flags = ["--steps", "5", "--lora", "y:2", "--format", "jpeg", "--set", "seed=7"];
    const expected = {
      prompt: "a fox",
      steps: 5,
      seed: 7,
      loras: [{ model: "x" }, { model: "y", strength: 2 }],
      output: { quality: 50, format: "jpeg" },
    };
    expect(await asked(["--request", "request.json", ...flags])).toMatchObject(expected);
    expect(await asked(["--request", "-", ...flags], JSON.stringify(request))).toMatchObject(expected);
    for (const [text, message] of [
      ["[1]", /--request: standard input must hold one JSON object/],
      ["{", /--request: standard input is no JSON/],
      ['{"latentkit":"recipe"}', /give it as --recipe/],
      ['{"promt": "a"}', /promt: is not a known field; did you mean prompt/],
    ] as const) {
      const { code, stderr } = await run(["generate", "--request", "-"], folder, {}, text);
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
    }
  });

  it("with the task that its pictures mean, which an edit's recipe keeps", async () => {
    await writeFile(join(folder, "photo.png"), photo);
    const on = ["a", "--image", "photo.png"];
    expect(await asked([...on, "--image-guidance-scale", "1.5"])).toMatchObject({
      task: "image-to-image",
      imageGuidanceScale: 1.5,
    });
    expect(await asked([...on, "--left", "8", "--feather", "4"])).toMatchObject({
      task: "outpaint",
      left: 8,
      feather: 4,
    });
    expect(await asked([...on, "--scale", "3"])).toMatchObject({ task: "upscale", scale: 3 });
    const inpaint = [...on, "--mask", "photo.png"];
    expect(await asked(inpaint)).toMatchObject({ task: "inpaint", keepUnmasked: true });
    expect(await asked([...inpaint, "--no-keep-unmasked", "--out", "b.png"])).toMatchObject({ keepUnmasked: false });
    const bytes = { task: "inpaint", prompt: "a", image: { base64: Buffer.from(photo).toString("base64") } };
    await asked(["--request", "-", "--out", "c.png"], JSON.stringify({ ...bytes, mask: bytes.image }));
    const lacking = await run(["generate", "--recipe", "c.png"], folder);
    expect(lacking).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--image: the recipe tells .* by its hash/),
    });
    const found = await asked(["--recipe", "c.png", "--input", "photo.png"]);
    expect(found).toMatchObject({ task: "inpaint", image: { path: "photo.png" }, mask: { path: "photo.png" } });
    const given = await asked(["--recipe", "c.png", "--image", "photo.png", "--mask", "photo.png"]);
    expect(given).toMatchObject({ task: "inpaint", image: { path: "photo.png" } });
  });

  it("leaves out what the backend cannot do where it is told to", async () => {
    await writeFile(join(folder, "latentkit.config.ts"), anything);
    const flags = ["generate", "a", "--width", "100", "--seed", "1"];
    expect((await run(flags, folder)).stderr).toMatch(/^latentkit: --width: 100 is not possible here/);
    const { code, stderr } = await run([...flags, "--on-unsupported", "warn"], folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/warning: width: .*; 64 is used/) });
  });
});

describe("- is standard input and output", () => {
  it("for a prompt and a picture", async () => {
    const { code, stdout, stderr } = await run(
      ["generate", "--prompt", "-", "--out", "fox.png"],
      folder,
      {},
      "a fox\n",
    );
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "fox.png\n", stderr: "" });
    expect((await readRecipe(join(folder, "fox.png"))).request).toMatchObject({ prompt: "a fox" });
    const seed = String((await readRecipe(join(folder, "fox.png"))).request.seed);
    const out = join(folder, "piped.png");
    const piped = await run(["generate", "a fox", "--seed", seed, "--out", "-"], folder, {}, undefined, out);
    expect(piped).toMatchObject({ code: 0, stderr: "" });
    expect(await readFile(out)).toEqual(await readFile(join(folder, "fox.png")));
    const jpeg = await run(["generate", "a", "--out", "-", "--format", "jpeg"], folder, {}, undefined, out);
    expect(jpeg.code).toBe(0);
    expect((await readFile(out)).subarray(0, 2)).toEqual(Buffer.from([0xff, 0xd8]));
  });

  it("gives up after --timeout", async () => {
    const slow = ["generate", "a", "--steps", "900", "--count", "100", "--timeout", "0.5", "--out", "out"];
    expect(await run(slow, folder)).toMatchObject({ code: 1, stderr: expect.stringMatching(/longer than/) });
  });
});

describe("latentkit samplers and capabilities", () => {
  it("tell what a backend has", async () => {
    await writeFile(join(folder, "latentkit.config.ts"), anything);
    const { stdout } = await run(["samplers"], folder);
    expect(stdout).toBe("samplers\n  euler\n  own_sampler\nschedulers\n  karras\n");
    const json = await run(["samplers", "--json"], folder);
    expect(JSON.parse(json.stdout)).toEqual({ samplers: ["euler", "own_sampler"], schedulers: ["karras"] });
    const capabilities = (await run(["capabilities"], folder)).stdout;
    expect(capabilities).toMatch(/^defaults +--width 16, --height 8, --steps 7, --sampler euler$/m);
    expect(capabilities).toMatch(/^limits +--width 8 to 64, in multiples of 8$/m);
    expect(capabilities).toMatch(/^not possible .*--start-step/m);
    expect(JSON.parse((await run(["capabilities", "--json"], folder)).stdout)).toMatchObject({ backend: "anything" });
  });

  it("end when the backend is wrong, having freed it", async () => {
    await mkdir(join(folder, "model"));
    const flags = ["samplers", "--backend", "local", "--model", join(folder, "model")];
    expect(await run(flags, folder)).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("model") });
  });
});
