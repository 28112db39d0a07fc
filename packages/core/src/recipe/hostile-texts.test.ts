import { mkdtemp, open, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { RecipeError } from "../errors/recipe-error.ts";
import { encodeImage } from "../image/codec.ts";
import { writePngText } from "../png/chunks.ts";
import { pngWithoutText } from "../png/without-text.ts";
import { exifTexts } from "./exif-texts.ts";
import { scanSettings } from "./foreign/settings-line.ts";
import { jpegComments } from "./jpeg-comments.ts";
import { readRecipe } from "./png-recipe.ts";
import { decodeUserComment } from "./user-comment.ts";

const png = await encodeImage({ width: 1, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3) }, "png");
const read = (texts: Record<string, string>) => readRecipe(writePngText(png, texts));

/** What takes the square of the length takes minutes of computing for these: the bound is far from any machine's noise. */
const soonSeconds = 10;
async function soon(work: () => unknown): Promise<void> {
  const begin = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(begin);
  expect((user + system) / 1e6).toBeLessThan(soonSeconds);
}

function withChunks(type: string, bodies: readonly Uint8Array[]): Buffer {
  const chunks = bodies.map((body) => {
    const chunk = Buffer.alloc(12 + body.length);
    chunk.writeUInt32BE(body.length);
    chunk.write(type, 4, "latin1");
    chunk.set(body, 8);
    return chunk;
  });
  return Buffer.concat([png.subarray(0, 33), ...chunks, png.subarray(33)]);
}

describe("a stranger's text takes time in proportion to its length", () => {
  const n = 100_000;
  it.each([
    ["lists in lists, closed before no comma", `${"aa: [,".repeat(n)}${"]".repeat(n)}x`],
    ["quotes after backslashes in a list that never closes", `aa: ["${'\\"'.repeat(n)}`],
    ["a list that begins with a string, again and again", 'aa: ["x" , '.repeat(n)],
    ["strings that are followed by no comma", 'aa: "x" y, '.repeat(n)],
  ])("as settings: %s", (_, line) => soon(() => scanSettings(line)));

  it("as a JPEG's comments and EXIF's, of zeros with a letter after them", async () => {
    const zeros = Buffer.alloc(65_000);
    zeros[64_999] = 0x41;
    const comment = Buffer.concat([
      Buffer.from([0xff, 0xfe, (zeros.length + 2) >> 8, (zeros.length + 2) & 255]),
      zeros,
    ]);
    await soon(() => jpegComments(Buffer.concat([Buffer.from([0xff, 0xd8]), ...Array(20).fill(comment)])));
    await soon(() =>
      decodeUserComment(Buffer.concat([Buffer.from("ASCII\0\0\0"), Buffer.alloc(1e6), Buffer.from("x")])),
    );
  });

  it("as EXIF whose every entry is said to be as long as the file", async () => {
    const entries = 5000;
    const exif = Buffer.alloc(2 ** 22);
    exif.write("II*\0\x08\0\0\0", 0, "latin1");
    exif.writeUInt16LE(entries, 8);
    for (let i = 0; i < entries; i++) {
      exif.writeUInt16LE(i, 10 + i * 12);
      exif.writeUInt16LE([1, 2, 3, 7][i % 4]!, 12 + i * 12);
      exif.writeUInt32LE(0xffffffff, 14 + i * 12);
      exif.writeUInt32LE(8, 18 + i * 12);
    }
    await soon(() => exifTexts(exif));
  });

  it("as a graph with a chain of LoRAs as long as a graph may be", async () => {
    const graph: Record<string, object> = {
      save: { class_type: "SaveImage", inputs: { images: ["draw", 0] } },
      draw: { class_type: "KSampler", inputs: { model: ["n0", 0], positive: ["text", 0], sampler_name: "euler" } },
      text: { class_type: "CLIPTextEncode", inputs: { text: "x", clip: ["n0", 1] } },
    };
    for (let i = 0; i < 14_000; i++)
      graph[`n${i}`] = { class_type: "LoraLoader", inputs: { model: [`n${i + 1}`, 0], clip: [`n${i + 1}`, 1] } };
    await soon(() => read({ prompt: JSON.stringify(graph) }));
  });

  it("as texts and profiles that are inflated in vain", async () => {
    const bomb = deflateSync(Buffer.alloc(17 * 2 ** 20), { level: 9 });
    const texts = Array.from({ length: 500 }, (_, i) => Buffer.concat([Buffer.from(`k${i}\0\0`), bomb]));
    await soon(() => expect(readRecipe(withChunks("zTXt", texts))).rejects.toThrow(RecipeError));
    const profile = Buffer.concat([Buffer.from("p\0\0"), deflateSync(Buffer.alloc(4 * 2 ** 20 - 99), { level: 9 })]);
    const profiles = withChunks("iCCP", Array(500).fill(profile));
    await soon(() => pngWithoutText(profiles));
    expect(Buffer.concat(pngWithoutText(profiles)).toString("latin1").split("iCCP")).toHaveLength(2);
  });
});

describe("a stranger's settings", () => {
  it("are refused where they are larger or deeper than any program's", async () => {
    const large = `{"prompt":"x","base_model":"y","z":[${"[],".repeat(1e6)}0]}`;
    const deep = `{"prompt":"x","base_model":"y","z":${"[".repeat(1e5)}${"]".repeat(1e5)}}`;
    for (const text of [large, deep]) {
      await expect(read({ parameters: text })).rejects.toThrow(RecipeError);
      await expect(readRecipe(Buffer.from(text))).rejects.toThrow(RecipeError);
      await expect(read({ invokeai_metadata: text })).rejects.toThrow(RecipeError);
      await expect(read({ prompt: text })).rejects.toThrow(RecipeError);
      await expect(read({ latentkit: text })).rejects.toThrow(RecipeError);
    }
    await expect(read({ parameters: `${"a".repeat(2 ** 20)}\nSteps: 3, Seed: 1, Sampler: Euler` })).rejects.toThrow(
      RecipeError,
    );
  });

  it("may have brackets in their words as many as they like", async () => {
    const prompt = "[".repeat(2000);
    const recipe = await read({ parameters: JSON.stringify({ prompt, base_model: "y" }) });
    expect(recipe.request).toMatchObject({ prompt });
  });

  it("whose graph runs in a circle, or through thousands of passes, are read once round", async () => {
    const sampler = (from: string) => ({
      class_type: "KSampler",
      inputs: { latent_image: [from, 0], seed: 1, sampler_name: "euler", scheduler: "normal" },
    });
    const upscale = (from: string) => ({ class_type: "LatentUpscale", inputs: { samples: [from, 0], width: 8 } });
    const save = { class_type: "SaveImage", inputs: { images: ["k0", 0] } };
    const circle = { save, k0: sampler("u0"), u0: upscale("k0") };
    expect(await read({ prompt: JSON.stringify(circle) })).toMatchObject({ request: { sampler: "euler" } });
    const long: Record<string, object> = { save };
    for (let i = 0; i < 8000; i++)
      Object.assign(long, { [`k${i}`]: sampler(`u${i}`), [`u${i}`]: upscale(`k${i + 1}`) });
    const { notes } = await read({ prompt: JSON.stringify(long) });
    expect(notes).toContainEqual(expect.objectContaining({ field: "image" }));
  });

  it("are told in words whatever they are", async () => {
    const trap = { toString: 1, valueOf: 1 };
    const styled = { prompt: "x", base_model: "y", full_prompt: [trap, 1] };
    expect(await read({ parameters: JSON.stringify(styled) })).toMatchObject({ backend: "fooocus" });
    const invoke = { positive_prompt: "x", generation_mode: "img2img", strength: trap };
    expect(await read({ invokeai_metadata: JSON.stringify(invoke) })).toMatchObject({ backend: "invokeai" });
    const graph = {
      s: { class_type: "SaveImage", inputs: { images: ["1", 0] } },
      "1": { class_type: "KSampler", inputs: { latent_image: ["2", 0], seed: trap, sampler_name: "euler" } },
      "2": { class_type: "LatentUpscale", inputs: { samples: ["3", 0] } },
      "3": { class_type: "KSampler", inputs: { seed: 1, sampler_name: "euler" } },
    };
    expect(await read({ prompt: JSON.stringify(graph) })).toMatchObject({ backend: "comfyui" });
    const sdcpp = "a\nSteps: 2, Sampler: euler, RNG: constructor, Version: stable-diffusion.cpp";
    expect((await read({ parameters: sdcpp })).notes).toContainEqual(expect.objectContaining({ value: "constructor" }));
  });

  it("leave a bounded number of notes, with a word on the others", async () => {
    const line = Array.from({ length: 5000 }, (_, i) => `Key ${i}: ${"x".repeat(20)}`).join(", ");
    const { notes } = await read({ parameters: `a\nSteps: 3, ${line}` });
    expect(notes).toHaveLength(201);
    expect(notes!.at(-1)!.message).toBe("and 4800 more settings that are not followed");
  });
});

describe("a file that is none", () => {
  it("is not read: larger than any picture, or a device without an end", async () => {
    const folder = await mkdtemp(join(tmpdir(), "latentkit-recipe-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const large = join(folder, "large.png");
    await (await open(large, "w")).close();
    await truncate(large, 2 ** 28 + 1);
    await expect(readRecipe(large)).rejects.toThrow(/more than 268435456 bytes/);
    await writeFile(join(folder, "a.png"), png);
    await truncate(large, 2 ** 25);
    await rename(large, join(folder, "a.txt"));
    await expect(readRecipe(join(folder, "a.png"))).rejects.toThrow(/holds no recipe/);
    await expect(readRecipe(folder)).rejects.toThrow(/not a regular file/);
  });

  it.skipIf(process.platform === "win32")("such as /dev/zero", async () => {
    await expect(readRecipe("/dev/zero")).rejects.toThrow(/not a regular file/);
  });
});

it("reads a JPEG's first comments, however many there are", async () => {
  const segment = Buffer.from([0xff, 0xfe, 0, 3, 0x41]);
  const file = Buffer.concat([Buffer.from([0xff, 0xd8]), ...Array<Buffer>(2000).fill(segment)]);
  expect(jpegComments(file)).toEqual(Array(20).fill("A"));
});
