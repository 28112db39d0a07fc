import { deflateSync } from "node:zlib";
import { decodeImage, encodeImage, readPngText, readRecipe } from "../../../packages/core/src/index.ts";
import { writePngText } from "../../../packages/core/src/png/chunks.ts";
import { Fault, type Kind } from "../kind.ts";
import { mutated, type Random } from "../random.ts";

async function seeds(): Promise<Uint8Array[]> {
  const data = Uint8Array.from({ length: 48 * 40 * 3 }, (_, i) => (i * 37) & 255);
  const pixels = { width: 48, height: 40, channels: 3 as const, data };
  return Promise.all((["png", "jpeg", "webp"] as const).map((format) => encodeImage(pixels, format)));
}

/** Files of pictures, changed: decoded whole, or refused. */
export async function pictures(): Promise<Kind> {
  const files = await seeds();
  return {
    longestMs: 40_000,
    async once(random) {
      const file = mutated(random.pick(files), random);
      const { width, height, channels, data } = await decodeImage(file, "image", { timeoutMs: 20_000 });
      if (data.length !== width * height * channels) throw new Fault(`${data.length} bytes for ${width}×${height}`);
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** PNG files whose texts are of any kind, size and brokenness: read, or refused, and soon. */
export async function pngChunks(): Promise<Kind> {
  const [png] = await seeds();
  return {
    longestMs: 5000,
    async once(random) {
      const keyword = random.pick(["parameters", "latentkit", "prompt", "workflow", "Comment", "x"]);
      const text = textOf(random);
      let file: Buffer = Buffer.from(writePngText(png!, { [keyword]: text }));
      if (random.next() < 0.3)
        file = withChunk(
          file,
          "zTXt",
          Buffer.concat([Buffer.from(`${keyword}\0\0`), deflateSync(Buffer.alloc(random.below(2 ** 23)))]),
        );
      if (random.next() < 0.3) file = mutated(file, random);
      readPngText(file);
      await readRecipe(file);
    },
    async [Symbol.asyncDispose]() {},
  };
}

const pieces = [
  "Steps: 20",
  "Negative prompt: ",
  "\n",
  ", ",
  ": ",
  '"',
  "\\",
  "Size: 512x512",
  "Seed: 7",
  "(",
  ":1.2)",
  "[",
  "]",
  "{",
  "}",
  " ",
  "<lora:a:1>",
  "Sampler: Euler a",
  "a",
  "1",
  "💥",
];

/** A text of the pieces that programs' texts are made of; at times one piece thousands of times. */
function textOf(random: Random): string {
  if (random.next() < 0.3) return random.pick(pieces).repeat(random.below(20_000));
  return Array.from({ length: random.below(200) }, () => random.pick(pieces)).join(random.pick(["", " ", ", ", "\n"]));
}

function withChunk(png: Buffer, type: string, data: Buffer): Buffer {
  const chunk = Buffer.alloc(12 + data.length);
  chunk.writeUInt32BE(data.length);
  chunk.write(type, 4, "latin1");
  data.copy(chunk, 8);
  return Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)]);
}
