import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { comfy } from "@latentkit/backend-comfy";
import { decodeImage, encodeImage, writePngText } from "@latentkit/core";
import { FakeComfy } from "@latentkit/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { makeFolder, removeFolder, runInside } from "./testing/latentkit.ts";

async function serve(): Promise<FakeComfy> {
  const fake = await FakeComfy.start();
  onTestFinished(() => fake.stop());
  return fake;
}

it("writes the types of a server's nodes", async () => {
  const fake = await serve();
  const folder = await makeFolder();
  onTestFinished(() => removeFolder(folder));
  const out = join(folder, "nodes.ts");
  const args = ["comfy", "types", "--url", fake.url, "--only", "KSamplerSelect", "--out", out];
  expect(await runInside(args)).toMatchObject({ code: 0, stdout: "", stderr: "" });
  const text = await readFile(out, "utf8");
  expect(text).toContain('"KSamplerSelect": {');
  expect(text).not.toContain('"CLIPLoader"');
});

it("prints them, with the address from COMFYUI_URL", async () => {
  const fake = await serve();
  const { code, stdout } = await runInside(["comfy", "types"], { COMFYUI_URL: fake.url });
  expect(code).toBe(0);
  expect(stdout).toContain(`server at ${fake.url}`);
  expect(stdout).toContain('"CLIPLoader": {');
});

it("says in one line what is wrong", async () => {
  const fake = await serve();
  expect(await runInside(["comfy", "types", "--url", fake.url, "--only", "Nope"])).toMatchObject({
    code: 2,
    stderr: 'latentkit: --only: the server has no node type "Nope"\n',
  });
  const { code, stderr } = await runInside(["comfy", "types", "--url", "http://127.0.0.1:1"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^latentkit: .*127\.0\.0\.1:1.*\n$/);
});

/** A graph that draws, and one that loads an image, as ComfyUI exports them. */
const drawing = {
  4: { class_type: "CheckpointLoaderSimple", inputs: { ckpt_name: "tiny.safetensors" } },
  6: { class_type: "CLIPTextEncode", inputs: { text: "a fox", clip: ["4", 1] }, _meta: { title: "Words" } },
  5: { class_type: "EmptyLatentImage", inputs: { width: 64, height: 64, batch_size: 1 } },
  3: {
    class_type: "KSampler",
    inputs: {
      ...{ seed: 1, steps: 4, cfg: 7, sampler_name: "euler", scheduler: "normal", denoise: 1 },
      ...{ model: ["4", 0], positive: ["6", 0], negative: ["6", 0], latent_image: ["5", 0] },
    },
  },
  8: { class_type: "VAEDecode", inputs: { samples: ["3", 0], vae: ["4", 2] } },
  9: { class_type: "SaveImage", inputs: { images: ["8", 0], filename_prefix: "mine" } },
};

async function workflowFile(workflow: unknown, name = "my fox.json") {
  const folder = await makeFolder();
  onTestFinished(() => removeFolder(folder));
  const file = join(folder, name);
  await writeFile(file, typeof workflow === "string" ? workflow : JSON.stringify(workflow));
  return { folder, file };
}

it("runs a workflow with values of one's own, and writes what it made", async () => {
  const fake = await serve();
  const { folder, file } = await workflowFile({ prompt: drawing });
  const out = join(folder, "made", "fox.png");
  const set = ["--set", "3.seed=18446744073709551615", "--set", "Words.text=a hare = a fox", "--set", "3.cfg=5.5"];
  const outcome = await runInside(["comfy", "run", file, "--url", fake.url, ...set, "--out", out]);
  expect(outcome).toEqual({ code: 0, stdout: `${out}\n`, stderr: "" });
  expect((await readFile(out)).length).toBeGreaterThan(100);
  const { prompt } = fake.prompts[0] as { prompt: Record<string, { inputs: Record<string, unknown> }> };
  expect(prompt["3"]!.inputs).toMatchObject({ seed: 2n ** 64n - 1n, cfg: 5.5 });
  expect(prompt["6"]!.inputs.text).toBe("a hare = a fox");
  const again = await runInside(["comfy", "run", file, "--url", fake.url, "--out", folder, "--json"]);
  const { files, promptId, warnings } = JSON.parse(again.stdout) as Record<string, unknown>;
  expect({ files, promptId, warnings }).toEqual({
    files: [join(folder, "mine_00002_.png")],
    promptId: fake.prompts[1]!.prompt_id,
    warnings: [],
  });
});

it("gives an image to the node that loads one", async () => {
  const fake = await serve();
  const { folder, file } = await workflowFile({
    1: { class_type: "LoadImage", inputs: { image: "x.png" }, _meta: { title: "Photo" } },
    2: { class_type: "SaveImage", inputs: { images: ["1", 0], filename_prefix: "copy" } },
  });
  const png = join(folder, "photo.png");
  await writeFile(png, await encodeImage({ width: 2, height: 2, channels: 3, data: new Uint8Array(12) }, "png"));
  for (const [place, image] of [`1=${png}`, `Photo=${png}`, `1.image=${png}`, png].entries()) {
    const args = ["comfy", "run", file, "--url", fake.url, "--image", image, "--out", join(folder, `${place}.png`)];
    expect(await runInside(args)).toMatchObject({ code: 0, stderr: "" });
  }
  expect(new Set(fake.uploaded).size, "each content once a run").toBe(1);
});

it.each([
  ["--set", "3.sede=1", 'node "3" has no input "sede"; it has seed'],
  ["--set", "Sampler.seed=1", 'there is no node "Sampler"'],
  ["--set", "3.cfg=high", '--set 3.cfg: must be a number, not "high"'],
  ["--set", "3.cfg", 'must be node.input=value, not "3.cfg"'],
  ["--set", "3.steps=0", "latentkit: 3.steps: must be a whole number from 1 to 10000"],
  ["--set", "3.sampler_name=eulr", "3.sampler_name: must be one of euler"],
  ["--image", "3=/none.png", 'no node that loads an image is called "3": nodes that load images are none'],
  ["--prompt-seed", "-1", "--prompt-seed: must be a whole number"],
])("refuses %s %s before anything runs", async (flag, value, message) => {
  const fake = await serve();
  const { file } = await workflowFile(drawing);
  const { code, stderr, stdout } = await runInside(["comfy", "run", file, "--url", fake.url, flag, value]);
  expect({ code, stdout, prompts: fake.prompts }).toEqual({ code: 2, stdout: "", prompts: [] });
  expect(stderr).toContain(message);
});

it.each([
  ["{", "The workflow is no JSON"],
  ["[]", "must be a workflow's JSON"],
  [JSON.stringify({ 1: { class_type: "Nope", inputs: {} } }), 'needs the node type "Nope"'],
  [JSON.stringify({ 5: drawing[5] }), "no node that saves or shows anything"],
])("says what is wrong with the file %s", async (text, message) => {
  const fake = await serve();
  const { file } = await workflowFile(text);
  const { code, stderr } = await runInside(["comfy", "run", file, "--url", fake.url]);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
});

it("says what is wrong with a file in words that no terminal obeys", async () => {
  const fake = await serve();
  const { file } = await workflowFile({ 1: { class_type: "No\u001b]0;owned\u0007\u001b[2Jpe", inputs: {} } });
  const { code, stderr } = await runInside(["comfy", "run", file, "--url", fake.url]);
  expect(code).toBe(2);
  expect(stderr).toContain("needs the node type");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: there must be none
  expect(stderr).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
});

it("converts what the editor saves, with seeds as they are", async () => {
  const fake = await serve();
  const latent = { id: 5, type: "EmptyLatentImage", widgets_values: [96, 64, 1] };
  const noise = { id: 6, type: "RandomNoise", widgets_values: [0, "fixed"] };
  const text = JSON.stringify({ nodes: [latent, noise], links: [] }).replace("[0,", "[18446744073709551615,");
  const { file } = await workflowFile(text);
  const { code, stdout } = await runInside(["comfy", "convert", file, "--url", fake.url]);
  expect(code).toBe(0);
  expect(stdout).toContain('"noise_seed": 18446744073709551615');
  expect(JSON.parse(stdout)["5"]).toMatchObject({ class_type: "EmptyLatentImage", inputs: { width: 96 } });
});

it("tells what a workflow takes, gives and needs, as lines that no terminal obeys", async () => {
  const fake = await serve();
  const odd = { ...drawing[6], _meta: { title: "Words\u001b[31m" } };
  const { file } = await workflowFile({
    ...drawing,
    6: odd,
    20: { class_type: "Fancy", inputs: { model: "gone.safetensors" } },
  });
  const { stdout } = await runInside(["comfy", "inspect", file, "--url", fake.url]);
  expect(stdout).toContain('6.text = "a fox"  (Words [31m: string)');
  expect(stdout).toContain("3.seed = 1  (KSampler: seed)");
  expect(stdout).toContain("9  SaveImage (SaveImage): images");
  expect(stdout).toContain("there    tiny.safetensors (node 4)");
  expect(stdout).toContain("MISSING  gone.safetensors (node 20)");
  expect(stdout).toContain("20  Fancy");
  const json = await runInside(["comfy", "inspect", file, "--url", fake.url, "--json"]);
  expect(JSON.parse(json.stdout)).toMatchObject({ format: "api", missing: [{ node: "20", type: "Fancy" }] });
});

it("writes a workflow as a typed function that runs", async () => {
  const fake = await serve();
  const { folder, file } = await workflowFile(drawing);
  const out = join(folder, "fox.ts");
  const outcome = await runInside(["comfy", "types", "--workflow", file, "--url", fake.url, "--out", out]);
  expect(outcome).toEqual({ code: 0, stdout: "", stderr: "" });
  const text = await readFile(out, "utf8");
  expect(text).toContain('wordsText: {"node":"6","input":"text","type":"string"}');
  expect(text).toContain("export function myFox(");
  const here = new URL(`./testing/fox-${process.pid}.ts`, import.meta.url);
  await writeFile(here, text);
  onTestFinished(() => rm(here));
  const { myFox } = (await import(here.href)) as { myFox: (...args: unknown[]) => Promise<{ outputs: object }> };
  const backend = comfy({ url: fake.url });
  onTestFinished(() => backend.dispose());
  const { outputs } = await myFox(backend, { wordsText: "a hare", kSamplerSteps: 2 });
  expect(Object.keys(outputs)).toEqual(["saveImage"]);
  const { prompt } = fake.prompts[0] as { prompt: Record<string, { inputs: Record<string, unknown> }> };
  expect(prompt["6"]!.inputs.text).toBe("a hare");
});

describe("latentkit replay of ComfyUI's pictures", () => {
  /** A picture as the server saved it: what it drew of a graph, with that graph in it. */
  async function savedPicture(fake: FakeComfy, graph: object, workflow?: object) {
    const { folder, file } = await workflowFile(graph);
    const drawn = join(folder, "drawn.png");
    expect(await runInside(["comfy", "run", file, "--url", fake.url, "--out", drawn])).toMatchObject({ code: 0 });
    const picture = join(folder, "picture.png");
    const texts = {
      prompt: JSON.stringify(graph),
      ...(workflow === undefined ? {} : { workflow: JSON.stringify(workflow) }),
    };
    const plain = await encodeImage(await decodeImage(await readFile(drawn)), "png");
    await writeFile(picture, writePngText(plain, texts));
    const ask = (...args: string[]) =>
      runInside(["replay", picture, "--backend", "comfy", "--url", fake.url, "--out", join(folder, "again"), ...args]);
    return { folder, ask };
  }
  const ran = (fake: FakeComfy) => fake.prompts.at(-1) as { prompt: object; extra_data: { extra_pnginfo?: object } };

  it("runs the graph as it is, and finds the same pixels", async () => {
    const fake = await serve();
    const editor = { nodes: [], links: [], version: 0.4 };
    const { folder, ask } = await savedPicture(fake, drawing, editor);
    const { code, stdout, stderr } = await ask("--exact");
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: `${join(folder, "again", "mine_00001_.png")}\nmade by ComfyUI, whose graph ran as it is\ndifference: the same, pixel for pixel\n`,
      stderr: "",
    });
    expect(ran(fake)).toMatchObject({ prompt: drawing, extra_data: { extra_pnginfo: { workflow: editor } } });
    const { images, from, notHonoured, difference } = JSON.parse((await ask("--json")).stdout);
    expect(images).toEqual([{ path: expect.any(String), width: 64, height: 64, mediaType: "image/png" }]);
    expect({ from, notHonoured, equal: difference.equal }).toEqual({ from: "comfyui", notHonoured: [], equal: true });
  });

  it("runs one that no request could say, and a model of one's own makes it a request again", async () => {
    const fake = await serve();
    const { ask } = await savedPicture(fake, drawing);
    // 2^64 - 1 keeps its digits.
    const odd = JSON.stringify({ ...drawing, 3: { ...drawing[3], inputs: { ...drawing[3].inputs, seed: 0 } } });
    const { file, folder } = await workflowFile(odd.replace('"seed":0', '"seed":18446744073709551615'));
    const args = ["replay", file, "--backend", "comfy", "--url", fake.url, "--out", folder];
    const { code, stdout } = await runInside(args);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/not measured/) });
    expect(ran(fake).prompt).toMatchObject({ 3: { inputs: { seed: 2n ** 64n - 1n } } });
    const typed = await ask("--model", "tiny.safetensors", "--json");
    expect(JSON.parse(typed.stdout)).toMatchObject({ from: "comfyui", images: [{ seed: 1 }] });
    expect(ran(fake).prompt).not.toEqual(drawing);
  });

  it("asks before it does more than draw, and takes a picture of one's own", async () => {
    const fake = await serve();
    const copying = {
      1: { class_type: "LoadImage", inputs: { image: "secret.png" } },
      2: { class_type: "SaveImage", inputs: { images: ["1", 0], filename_prefix: "copy" } },
    };
    const { folder, file } = await workflowFile(copying);
    const args = ["replay", file, "--backend", "comfy", "--url", fake.url, "--out", folder];
    const refused = await runInside(args);
    expect({ code: refused.code, prompts: fake.prompts }).toEqual({ code: 2, prompts: [] });
    expect(refused.stderr).toContain(
      "would do more than draw (add --trust if that is meant): node 1: it runs LoadImage (secret.png)",
    );
    const many = { ...drawing, 5: { ...drawing[5], inputs: { ...drawing[5].inputs, batch_size: 64 } } };
    const { file: large } = await workflowFile(many);
    expect((await runInside(["replay", large, ...args.slice(2)])).stderr).toContain(
      "node 5: it makes so many pictures: 64",
    );
    const { file: often } = await workflowFile({
      ...drawing,
      ...Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`s${i}`, drawing[9]])),
    });
    expect((await runInside(["replay", often, ...args.slice(2)])).stderr).toContain("saves 6 pictures");
    const png = join(folder, "photo.png");
    await writeFile(png, await encodeImage({ width: 2, height: 2, channels: 3, data: new Uint8Array(12) }, "png"));
    expect(await runInside([...args, "--image", png])).toMatchObject({ code: 0 });
    expect(fake.uploaded).toHaveLength(1);
    const missing = await workflowFile({ ...drawing, 7: { class_type: "Nope", inputs: {} } });
    const lacking = await runInside(["replay", missing.file, ...args.slice(2), "--trust"]);
    expect(lacking).toMatchObject({ code: 2, stderr: expect.stringContaining('"Nope"') });
  });
});
