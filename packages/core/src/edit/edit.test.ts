import { describe, expect, it } from "vitest";
import type { Backend } from "../backend.ts";
import type { Capabilities } from "../capabilities.ts";
import { createClient } from "../client.ts";
import type { GenerationEvent } from "../events.ts";
import { decodeImage, encodeImage, type Pixels } from "../image/codec.ts";
import { toPayload } from "../image/payload-pixels.ts";
import { resizeImage } from "../image/resize.ts";
import type { ImagePayload } from "../image-payload.ts";
import type { GenerationRequest, RequestOf } from "../request/request.ts";

function picture(width: number, height: number, at: (x: number, y: number) => number, channels: 3 | 4 = 3): Pixels {
  const data = new Uint8Array(width * height * channels).fill(255);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) data[i * channels + c] = at(i % width, Math.floor(i / width)) + c;
  }
  return { width, height, channels, data };
}
const old = picture(20, 12, (x, y) => (x * 12 + y * 4) % 250);
const leftHalf = picture(20, 12, (x) => (x < 10 ? 253 : 0));
leftHalf.data.forEach((value, i) => {
  leftHalf.data[i] = value > 200 ? 255 : 0;
});
const [image, mask] = [await encodeImage(old, "png"), await encodeImage(leftHalf, "png")];

type Deliver = (pixels: Pixels) => ImagePayload | Promise<ImagePayload>;

/** A backend that inpaints by painting everything in one colour, at the size that it is asked for. */
function painter(deliver: Deliver = toPayload, changes: Partial<Capabilities> = {}) {
  const requests: GenerationRequest[] = [];
  const files = new Map<string, Uint8Array>();
  const backend: Backend = {
    id: "painter",
    capabilities: async () => ({
      backend: "painter",
      tasks: ["text-to-image", "inpaint"],
      features: ["strength", "seed", "steps", "previewEvery", "hires"],
      conditioning: [],
      samplers: "any",
      schedulers: "any",
      outputFormats: ["png"],
      limits: { width: { min: 8, max: 64, multipleOf: 8 }, height: { min: 8, max: 64, multipleOf: 8 } },
      resume: true,
      ...changes,
    }),
    async *generate(request): AsyncGenerator<GenerationEvent> {
      requests.push(request);
      const { width = 20, height = 12, hires } = request;
      const scale = hires?.scale ?? 1;
      const painted = picture(width * scale, height * scale, () => 77);
      yield { type: "queued", handle: { id: 1 } };
      const { image: given, mask: hidden } = request as RequestOf<"inpaint">;
      yield { type: "started", resolved: { steps: 4, width, height, image: given, mask: hidden } };
      yield { type: "preview", index: 0, step: 1, image: toPayload(painted) };
      yield { type: "image", index: 0, image: await deliver(painted) };
      yield { type: "completed" };
    },
    async *resume({ request }, options) {
      yield* this.generate(request, options);
    },
    fetchImage: async ({ url }) => files.get(url) ?? Promise.reject(new Error("gone")),
    dispose: async () => {},
  };
  return { client: createClient({ backend }), requests, files };
}

/** How many pixels of a picture are the old one's, and how many are painted. */
function count({ width, height, channels, data }: Pixels, of: Pixels, left = 0, top = 0) {
  const counts = { kept: 0, painted: 0, other: 0 };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * channels;
      const inside = x >= left && x < left + of.width && y >= top && y < top + of.height;
      const from = ((y - top) * of.width + x - left) * of.channels;
      if (inside && [0, 1, 2].every((c) => data[at + c] === of.data[from + c])) counts.kept++;
      else if (data[at] === 77 && data[at + 1] === 78) counts.painted++;
      else counts.other++;
    }
  }
  return counts;
}

const inpaint = { task: "inpaint", prompt: "a", image, mask } as const;

describe("keepUnmasked", () => {
  const deliveries: [string, Deliver][] = [
    ["samples", toPayload],
    ["samples with alpha", ({ width, height }) => toPayload(picture(width, height, () => 77, 4))],
    ["a file", async (pixels) => encoded(await encodeImage(pixels, "png"))],
  ];
  it.each(deliveries)(
    "keeps what the mask leaves black to the bit, of a picture that comes as %s",
    async (_name, deliver) => {
      const { images } = await painter(deliver).client.generate(inpaint);
      expect(count(await images[0]!.pixels(), old)).toEqual({ kept: 120, painted: 120, other: 0 });
    },
  );

  it("fetches a picture that lies on a server", async () => {
    const { client, files } = painter(async (pixels) => {
      files.set("https://x.test/a.png", await encodeImage(pixels, "png"));
      return { kind: "url", url: "https://x.test/a.png" };
    });
    const { images } = await client.generate(inpaint);
    expect(count(await images[0]!.pixels(), old)).toEqual({ kept: 120, painted: 120, other: 0 });
  });

  it("gives the picture as it is, and says so, where it cannot be fetched", async () => {
    const { client } = painter(() => ({ kind: "url", url: "https://x.test/none.png" }));
    const { images, warnings } = await client.generate(inpaint);
    expect(images[0]!.url).toBe("https://x.test/none.png");
    expect(warnings).toMatchObject([{ code: "unmasked_not_kept", message: expect.stringContaining("gone") }]);
  });

  it("keeps the picture resized where the output has another size, and blends what is grey", async () => {
    const grey = await encodeImage(
      picture(20, 12, (x) => (x < 10 ? 0 : 128)),
      "png",
    );
    const { images } = await painter().client.generate({ ...inpaint, mask: grey, width: 40, height: 24 });
    const pixels = await images[0]!.pixels();
    const resized = await resizeImage(old, 40, 24);
    expect([...pixels.data.subarray(0, 15 * 3)]).toEqual([...resized.data.subarray(0, 15 * 3)]);
    const at = 39 * 3;
    expect(Math.abs(pixels.data[at]! - (resized.data[at]! * 126 + 77 * 129) / 255)).toBeLessThan(2);
  });

  it("leaves all to the backend where it is off, or the backend keeps it itself", async () => {
    const off = await painter().client.generate({ ...inpaint, keepUnmasked: false });
    expect(count(await off.images[0]!.pixels(), old).painted).toBe(240);
    const own = await painter(toPayload, { keepsUnmasked: true }).client.generate(inpaint);
    expect(count(await own.images[0]!.pixels(), old).painted).toBe(240);
  });

  it("is on in a job that is resumed", async () => {
    const { client } = painter();
    const job = client.generate(inpaint);
    await job;
    const { images } = await client.resume(JSON.parse(JSON.stringify(job.handle)));
    expect(count(await images[0]!.pixels(), old).kept).toBe(120);
  });

  it("names the field of a picture that cannot be read, before any work", async () => {
    const { client, requests } = painter();
    const wrong = client.generate({ ...inpaint, mask: Buffer.from("no picture") });
    await expect(wrong).rejects.toMatchObject({ code: "image", message: expect.stringMatching(/mask.*keepUnmasked/) });
    expect(requests).toEqual([]);
  });
});

describe("outpaint, where the backend can only inpaint", () => {
  const outpaint = { task: "outpaint", prompt: "a", image, left: 10, bottom: 7, feather: 0 } as const;

  it("paints the border of a larger canvas, cut back to what was asked for", async () => {
    const { client, requests } = painter();
    expect((await client.capabilities()).tasks).toContain("outpaint");
    const { images, recipe } = await client.generate(outpaint);
    expect(requests[0]).toMatchObject({ task: "inpaint", width: 32, height: 24, strength: 1 });
    const pixels = await images[0]!.pixels();
    expect(pixels).toMatchObject({ width: 30, height: 19 });
    expect(count(pixels, old, 10)).toEqual({ kept: 240, painted: 30 * 19 - 240, other: 0 });
    // The recipe is the outpaint's, not that of how it was done.
    expect(recipe.request).toMatchObject({ task: "outpaint", left: 10, bottom: 7, width: 30, height: 19, steps: 4 });
    expect(recipe.request).not.toHaveProperty("mask");
    expect(recipe.request).toMatchObject({ image: { size: image.length } });
    const again = await client.generate(recipe, { inputs: [image] });
    expect(await again.images[0]!.pixels()).toEqual(pixels);
  });

  it("gives the backend the picture's edges drawn out, and a mask with a soft edge inside", async () => {
    const { client, requests } = painter();
    await client.generate({ ...outpaint, feather: 3 });
    const given = requests[0] as RequestOf<"inpaint">;
    const read = (source: object) => decodeImage(Buffer.from((source as { base64: string }).base64, "base64"));
    const [canvas, hidden] = [await read(given.image), await read(given.mask)];
    const red = ({ width, channels, data }: Pixels, x: number, y: number) => data[(y * width + x) * channels];
    expect(red(canvas, 0, 3)).toBe(red(canvas, 10, 3));
    expect(red(canvas, 15, 20)).toBe(red(canvas, 15, 11));
    expect([8, 9, 10, 11, 12, 13].map((x) => red(hidden, x, 0))).toEqual([255, 255, 191, 128, 64, 0]);
  });

  it("cuts previews and a second pass as well", async () => {
    const { client } = painter();
    const job = client.generate({ ...outpaint, previewEvery: 1, hires: { scale: 2 } });
    const previews: ImagePayload[] = [];
    job.on("preview", ({ image: preview }) => previews.push(preview));
    const { images } = await job;
    expect(await images[0]!.size()).toEqual({ width: 60, height: 38 });
    expect(previews[0]).toMatchObject({ width: 60, height: 38 });
  });

  it("refuses a size of another shape, and a canvas that is too large, before any work", async () => {
    const { client, requests } = painter();
    await expect(client.generate({ ...outpaint, width: 64 })).rejects.toMatchObject({ issues: [{ field: "width" }] });
    const wide = client.generate({ ...outpaint, right: 100 });
    await expect(wide).rejects.toMatchObject({ code: "unsupported", issues: [{ field: "width" }] });
    expect(requests).toEqual([]);
  });

  it("is left to a backend that can", async () => {
    const { client, requests } = painter(toPayload, { tasks: ["inpaint", "outpaint"] });
    await client.generate({ ...outpaint, width: 30, height: 19 }, { onUnsupported: "warn" });
    expect(requests[0]?.task).toBe("outpaint");
  });
});

function encoded(bytes: Uint8Array): ImagePayload {
  return { kind: "encoded", mediaType: "image/png", base64: Buffer.from(bytes).toString("base64") };
}
