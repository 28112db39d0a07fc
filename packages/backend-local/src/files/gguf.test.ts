import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fixture, temporaryFolder } from "../testing/test-model.ts";
import { readGguf } from "./gguf.ts";

const whole = await readFile(fixture("quantised/blocks.gguf"));

async function changed(change: (bytes: Buffer) => Buffer | undefined): Promise<string> {
  const path = join(await temporaryFolder(), "file.gguf");
  const bytes = Buffer.from(whole);
  await writeFile(path, change(bytes) ?? bytes);
  return path;
}

function written(bytes: Buffer, value: number, at: number): undefined {
  bytes.writeUInt32LE(value, at);
}

/** Where a tensor's entry goes on after its name: number of dimensions, sizes, type, offset. */
const entry = (name: string) =>
  whole.indexOf(Buffer.concat([Buffer.from([name.length, 0, 0, 0, 0, 0, 0, 0]), Buffer.from(name)])) + 8 + name.length;

test("names, shapes in rows first, types and places", async () => {
  const { tensors, metadata } = await readGguf(fixture("quantised/blocks.gguf"));
  expect(metadata["general.architecture"]).toBe("none");
  expect(tensors.get("Q4_K")).toMatchObject({ dtype: "Q4_K", shape: [6, 512], length: 12 * 144 });
});

test.each<[what: string, change: (bytes: Buffer) => Buffer | undefined, message: RegExp]>([
  ["empty", () => Buffer.alloc(0), /is not a GGUF file: it is empty/],
  ["another file", () => Buffer.from("PK\u0003\u0004 and more of it"), /does not begin with GGUF/],
  ["a web page", () => Buffer.from("<!doctype html><title>404"), /is a web page/],
  ["cut in its header", (bytes) => bytes.subarray(0, 300), /truncated/],
  [
    "cut in its data",
    (bytes) => bytes.subarray(0, bytes.length - 1000),
    /ends at byte \d+ of a file that has \d+ \(truncated/,
  ],
  [
    "a type that is not known",
    (bytes) => written(bytes, 23, entry("Q4_K") + 20),
    /"Q4_K" is stored as IQ4_XS; of GGUF's types/,
  ],
  ["rows that are no blocks", (bytes) => written(bytes, 500, entry("Q4_K") + 4), /no whole blocks of 256/],
  ["another shape", (bytes) => written(bytes, 1024, entry("Q4_0") + 4), /overlaps the tensor before it/],
  ["more elements than the file has", (bytes) => written(bytes, 1 << 30, entry("Q4_0") + 12), /truncated|cannot fit/],
])("a damaged file is refused: %s", async (_, change, message) => {
  await expect(readGguf(await changed(change))).rejects.toMatchObject({
    code: "model",
    message: expect.stringMatching(message),
  });
});
