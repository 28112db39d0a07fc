import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeImage, ImageError, InvalidRequestError, sha256 } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openapi } from "../testing/fake-models.ts";
import { fakePicture } from "../testing/fake-picture.ts";
import { failureOf, type Harness, harness } from "../testing/harness.ts";

let folder: string;
let small: string;
let large: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "latentkit-test-"));
  small = join(folder, "small.png");
  large = join(folder, "large.png");
  await writeFile(small, await fakePicture("small", 8, 8));
  await writeFile(large, await fakePicture("large", 320, 320));
});
afterAll(() => rm(folder, { recursive: true }));

const inputOf = ({ fake }: Harness) => [...fake.state.predictions.values()].at(-1)!.input;

describe("an input file", () => {
  it("that is small travels in the request, a large one through the files API, and is removed at the end", async () => {
    await using h = await harness();
    await h.client.generate({ task: "image-to-image", prompt: "a", image: small });
    expect(inputOf(h).image).toMatch(/^data:image\/png;base64,iVBOR/);
    expect(h.fake.state.files.size).toBe(0);

    await h.client.generate({ task: "image-to-image", prompt: "a", image: large, count: 3 });
    expect(inputOf(h).image).toBe(`${h.fake.url}/files/file1`);
    const [file] = [...h.fake.state.files.values()];
    expect(file).toMatchObject({ type: "image/png", name: "input.png" });
    expect(Buffer.from(file!.bytes)).toEqual(Buffer.from(await fakePicture("large", 320, 320)));
    expect(h.fake.state.removedFiles).toEqual(["file1"]);
  });

  it("is uploaded from bytes too, and once where it stands twice", async () => {
    await using h = await harness();
    const image = await fakePicture("large", 320, 320);
    await h.client.generate({ task: "inpaint", prompt: "a", image, mask: image });
    expect(h.fake.state.files.size).toBe(1);
    expect(inputOf(h).image).toBe(inputOf(h).mask);
  });

  it("at a public URL is left for the model to fetch, unless its hash is promised", async () => {
    await using h = await harness();
    const url = "https://example.org/cat.png";
    await h.client.generate({ task: "image-to-image", prompt: "a", image: url });
    expect(inputOf(h).image).toBe(url);
  });

  it("is checked against its hash before anything is sent", async () => {
    await using h = await harness();
    const right = sha256(await fakePicture("small", 8, 8));
    await h.client.generate({ task: "image-to-image", prompt: "a", image: { path: small, sha256: right } });
    const { request } = (await h.client.generate({ task: "image-to-image", prompt: "a", image: large })).recipe;
    for (const path of [small, large]) {
      const image = { path, sha256: "0".repeat(64) };
      const job = h.backend.generate({ ...request, image } as typeof request, { signal: new AbortController().signal });
      const error = await failureOf(Array.fromAsync(job));
      expect(InvalidRequestError.isInstance(error) && error.issues[0]?.field).toBe("image");
    }
    expect(h.fake.state.created).toBe(2);
  });

  it("that is missing, no image, or over the limit is refused before anything is sent", async () => {
    await using h = await harness({ maxUploadBytes: 100_000 });
    const words = join(folder, "words.png");
    await writeFile(words, "not a picture");
    const run = (image: string) => failureOf(h.client.generate({ task: "image-to-image", prompt: "a", image }));
    const missing = await run(join(folder, "none.png"));
    expect(InvalidRequestError.isInstance(missing) && missing.message).toContain("no such file");
    const none = await run(words);
    expect(ImageError.isInstance(none) && none.message).toMatch(/image: the file is no image/);
    const over = await run(large);
    expect(InvalidRequestError.isInstance(over) && over.issues[0]?.allowed).toEqual({ max: 100_000 });
    expect(h.fake.state.callsTo("POST", /./)).toEqual([]);
  });

  it("may stand in the escape hatch", async () => {
    await using h = await harness();
    await h.client.generate({ prompt: "a", backendOptions: { replicate: { input: { image: { path: small } } } } });
    expect(inputOf(h).image).toMatch(/^data:image\/png/);
  });

  it("may stand in a list of the escape hatch; what is no file is refused", async () => {
    await using h = await harness({ model: "acme/lists" });
    const pictures = { type: "array", items: { type: "string", format: "uri" } };
    const schema = openapi({ prompt: { type: "string" }, pictures });
    h.fake.state.models["acme/lists"] = { official: false, version: "f".repeat(64), openapi_schema: schema };
    const send = (value: (string | number | Record<string, string>)[]) =>
      h.client.generate({ prompt: "a", backendOptions: { replicate: { input: { pictures: value } } } });
    await send([{ path: small }, "https://example.org/a.png"]);
    expect(inputOf(h).pictures).toEqual([expect.stringMatching(/^data:image\/png/), "https://example.org/a.png"]);
    for (const wrong of [[42], [{ file: small }]]) {
      const error = await failureOf(send(wrong));
      expect(error.message).toMatch(/input.pictures: must be a file/);
    }
  });

  it("is removed when a second one cannot be read", async () => {
    await using h = await harness();
    const error = await failureOf(h.client.generate({ task: "inpaint", prompt: "a", image: large, mask: "/none.png" }));
    expect(InvalidRequestError.isInstance(error) && error.issues[0]?.field).toBe("mask");
    expect(h.fake.state.removedFiles).toEqual([...h.fake.state.files.keys()]);
  });
});

describe("an outpaint", () => {
  it("is an inpaint on a larger canvas", async () => {
    await using h = await harness();
    await h.client.generate({ task: "outpaint", prompt: "a", image: small, left: 4, bottom: 2, feather: 2 });
    const decode = (name: string) => decodeImage(Buffer.from(String(inputOf(h)[name]).split(",")[1]!, "base64"));
    const [image, mask] = [await decode("image"), await decode("mask")];
    const before = await decodeImage(await fakePicture("small", 8, 8));
    expect([image.width, image.height, mask.width, mask.height]).toEqual([12, 10, 12, 10]);
    const at = (pixels: typeof image, x: number, y: number) => [
      ...pixels.data.subarray((y * 12 + x) * 3, (y * 12 + x) * 3 + 3),
    ];
    const old = (x: number, y: number) => [...before.data.subarray((y * 8 + x) * 3, (y * 8 + x) * 3 + 3)];
    expect(at(image, 4, 0)).toEqual(old(0, 0));
    expect(at(image, 0, 0)).toEqual(old(0, 0));
    expect(at(image, 11, 9)).toEqual(old(7, 7));
    expect(at(mask, 3, 0)).toEqual([255, 255, 255]);
    expect(at(mask, 8, 8)).toEqual([255, 255, 255]);
    expect(at(mask, 11, 0)).toEqual([0, 0, 0]);
    expect(at(mask, 4, 0)[0]).toBeGreaterThan(at(mask, 5, 0)[0]!);
    expect(at(mask, 5, 0)[0]).toBeGreaterThan(0);
  });
});
