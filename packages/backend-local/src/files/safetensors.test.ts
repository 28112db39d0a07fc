import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ModelError } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { maxHeaderBytes, readSafetensors } from "./safetensors.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "latentkit-safetensors-"));
});
afterAll(() => rm(folder, { recursive: true }));

let count = 0;
async function write(header: string | object, data = 0, claimed?: bigint): Promise<string> {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(claimed ?? BigInt(text.length));
  const path = join(folder, `${count++}.safetensors`);
  await writeFile(path, Buffer.concat([prefix, text, Buffer.alloc(data)]));
  return path;
}

const f32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});

describe("readSafetensors", () => {
  test("gives each tensor's place in the file", async () => {
    const header = { b: f32(8, 16), a: f32(0, 8, [1, 2]), __metadata__: { format: "pt" }, empty: f32(16, 16, [0, 3]) };
    const path = await write(header, 16);
    const { tensors, metadata } = await readSafetensors(path);
    const start = 8 + JSON.stringify(header).length;
    expect(metadata).toEqual({ format: "pt" });
    expect(tensors.get("a")).toMatchObject({ dtype: "F32", shape: [1, 2], offset: start, length: 8 });
    expect(tensors.get("b")).toMatchObject({ shape: [2], offset: start + 8, length: 8 });
    expect(tensors.get("empty")).toMatchObject({ shape: [0, 3], length: 0 });
  });

  test("counts a header's bytes, not its characters", async () => {
    const header = { größe: f32(0, 4) };
    const { tensors } = await readSafetensors(await write(header, 4));
    expect(tensors.get("größe")?.offset).toBe(8 + Buffer.byteLength(JSON.stringify(header)));
  });

  test("follows symbolic links, as into a Hugging Face cache", async () => {
    const blob = await write({ a: f32(0, 4) }, 4);
    const link = join(folder, "link.safetensors");
    await symlink(blob, link);
    const file = await readSafetensors(link);
    expect(file.path).toBe(link);
    expect(file.tensors.get("a")?.file.endsWith(blob.slice(folder.length))).toBe(true);
  });

  const bad: [what: string, header: string | object, data: number, message: RegExp, tensor?: string][] = [
    ["not JSON", '{"a": ', 0, /not JSON/],
    ["not UTF-8 JSON object", "[1, 2, 3]", 0, /does not begin with \{/],
    ["a tensor past the end", { a: f32(0, 8) }, 4, / of the \d+ bytes that its header tells of/],
    ["overlapping tensors", { a: f32(0, 8), b: f32(4, 12) }, 12, /"b" overlaps/, "b"],
    ["the same bytes twice", { a: f32(0, 8), b: f32(0, 8) }, 8, /overlaps/, "b"],
    ["a hole", { a: f32(0, 4), b: f32(8, 12) }, 12, /hole of 4 bytes/, "b"],
    ["bytes of no tensor", { a: f32(0, 4) }, 8, /4 bytes at its end/],
    ["a shape of another size", { a: f32(0, 8, [3]) }, 8, /needs 12 bytes; its offsets span 8/, "a"],
    ["a shape beyond safe integers", { a: f32(0, 8, [2 ** 40, 2 ** 40]) }, 8, /its offsets span 8/, "a"],
    ["a fractional size", { a: f32(0, 8, [1.5]) }, 8, /not a list of sizes/, "a"],
    ["negative sizes", { a: f32(0, 8, [-1, -2]) }, 8, /not a list of sizes/, "a"],
    ["offsets the wrong way", { a: f32(8, 0, [0]) }, 8, /its offsets span -8/, "a"],
    [
      "unsafe offsets",
      '{"a":{"dtype":"F32","shape":[2],"data_offsets":[9007199254740992,9007199254741000]}}',
      8,
      /data_offsets/,
      "a",
    ],
    ["no offsets", { a: { dtype: "F32", shape: [2] } }, 8, /data_offsets/, "a"],
    ["an unknown dtype", { a: { dtype: "C64", shape: [1], data_offsets: [0, 8] } }, 8, /unknown dtype "C64"/, "a"],
    [
      "an inherited property as dtype",
      { a: { dtype: "toString", shape: [1], data_offsets: [0, 8] } },
      8,
      /unknown dtype/,
      "a",
    ],
    [
      "more dimensions than any tensor has",
      { a: f32(0, 4, [1, 1, 1, 1, 1, 1, 1, 1, 1]) },
      4,
      /has 9 dimensions; at most 8/,
      "a",
    ],
    ["a header that is all brackets", `{"a":${"[".repeat(1e6)}}`, 0, /nests deeper than 3 levels/],
    ["a tensor that is null", { a: null }, 0, /not described by an object/, "a"],
    ["metadata that is no map", { __metadata__: { a: 1 } }, 0, /__metadata__/],
    [
      "a name twice",
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      4,
      /"a" appears twice/,
      "a",
    ],
  ];
  test.each(bad)("refuses %s", async (_what, header, data, message, tensor) => {
    const path = await write(header, data);
    const error = await readSafetensors(path).catch((caught: unknown) => caught);
    expect(ModelError.isInstance(error)).toBe(true);
    expect((error as ModelError).message).toMatch(message);
    expect((error as ModelError).details).toMatchObject({
      problem: "malformed",
      file: path,
      ...(tensor && { tensor }),
    });
  });

  test("an error stays short, whatever the header holds", async () => {
    const long = "x".repeat(1e5);
    const many = new Array<number>(1e5).fill(-1);
    for (const header of [
      { a: { dtype: long, shape: [1], data_offsets: [0, 4] } },
      { a: f32(0, 4, many) },
      { a: f32(0, 4, many.fill(1)) },
      { [long]: f32(0, 8) },
    ]) {
      const error = await readSafetensors(await write(header, 4)).catch((caught: unknown) => caught);
      expect(ModelError.isInstance(error)).toBe(true);
      expect(JSON.stringify((error as ModelError).toJSON()).length).toBeLessThan(1500);
    }
  });

  test("refuses a header longer than the file without reading it", async () => {
    await expect(readSafetensors(await write("{}", 0, 1000n))).rejects.toThrow(/claims 1000 bytes and the file has 10/);
  });

  test("refuses a header of 100 MB even where the file is as large", async () => {
    const path = await write("{}", 0, 100n * 1024n * 1024n);
    await truncate(path, 200 * 1024 * 1024); // sparse: no disk is used
    const before = process.memoryUsage.rss();
    await expect(readSafetensors(path)).rejects.toThrow(`more than ${maxHeaderBytes}`);
    expect(process.memoryUsage.rss() - before).toBeLessThan(50 * 1024 * 1024);
  });

  test("refuses a length beyond 2^53", async () => {
    await expect(readSafetensors(await write("{}", 8, 2n ** 64n - 1n))).rejects.toThrow(
      /claims 18446744073709551615 bytes/,
    );
  });

  test("refuses folders, empty files and files that are not there", async () => {
    await mkdir(join(folder, "dir.safetensors"));
    await writeFile(join(folder, "empty.safetensors"), "");
    await expect(readSafetensors(join(folder, "dir.safetensors"))).rejects.toThrow(/is not a file/);
    await expect(readSafetensors(join(folder, "empty.safetensors"))).rejects.toThrow(/is empty/);
    await expect(readSafetensors(join(folder, "none.safetensors"))).rejects.toMatchObject({
      details: { problem: "missing" },
    });
  });
});
