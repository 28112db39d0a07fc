import { open } from "node:fs/promises";
import type { GGUFParseOutput } from "@huggingface/gguf";
import { contentStart, foreignContent } from "./foreign-content.ts";
import { modelError } from "./model-error.ts";
import { clip, quote } from "./quote.ts";
import { regularFile } from "./regular-file.ts";
import type { SafetensorsFile, WeightTensor } from "./safetensors.ts";
import { blockTypes, type StoredType } from "./stored-type.ts";

/** Bytes that so many elements take, by GGUF's names of types. What is called otherwise here is so in safetensors. */
const types: Readonly<Record<string, { as: StoredType; elements: number; bytes: number }>> = {
  F32: { as: "F32", elements: 1, bytes: 4 },
  F16: { as: "F16", elements: 1, bytes: 2 },
  BF16: { as: "BF16", elements: 1, bytes: 2 },
  F64: { as: "F64", elements: 1, bytes: 8 },
  I8: { as: "I8", elements: 1, bytes: 1 },
  I16: { as: "I16", elements: 1, bytes: 2 },
  I32: { as: "I32", elements: 1, bytes: 4 },
  I64: { as: "I64", elements: 1, bytes: 8 },
  ...Object.fromEntries(
    Object.entries(blockTypes).map(([name, block]) => [name, { as: name as StoredType, ...block }]),
  ),
};

/** Whether a file is GGUF's by its name. */
export function isGguf(path: string): boolean {
  return /\.gguf$/i.test(path);
}

/**
 * Reads and checks a GGUF file's header: names, types, shapes and offsets of its tensors, each held against the file's length. No tensor
 * data is read. `metadata` has the file's own plain values as texts.
 *
 * @throws {@link ModelError} naming the file, and the tensor where one is at fault: truncated, not GGUF, types that are not understood,
 * shapes that are no whole blocks, overlaps.
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export async function readGguf(path: string): Promise<SafetensorsFile> {
  const file = await regularFile(path);
  await refuseOthers(path, file.path);
  const parsed = await parse(path, file.path);
  const { tensorInfos } = parsed;
  const metadata: Readonly<Record<string, unknown>> = { ...parsed.metadata };
  const start = Number(parsed.tensorDataOffset);
  const tensors = new Map<string, WeightTensor>();
  const { GGMLQuantizationType } = await import("@huggingface/gguf");
  for (const info of tensorInfos) {
    const fail = failing(path, info.name);
    if (info.name === "" || tensors.has(info.name)) throw fail("appears twice, or has no name (truncated?)");
    const typeName = GGMLQuantizationType[info.dtype] ?? `type ${info.dtype}`;
    const type = types[typeName];
    if (type === undefined)
      throw fail(`is stored as ${typeName}; of GGUF's types ${Object.keys(types).join(", ")} work`, "unsupported");
    // GGUF lists the dimension that lies closest together first.
    const stored = info.shape.map(Number).reverse();
    const elements = stored.reduce((product, side) => product * side, 1);
    const row = stored.at(-1) ?? 1;
    if (!Number.isSafeInteger(elements) || row % type.elements !== 0)
      throw fail(
        `of ${typeName} has the shape [${stored.join(", ")}], whose rows are no whole blocks of ${type.elements}`,
      );
    const [offset, length] = [start + Number(info.offset), (elements / type.elements) * type.bytes];
    if (!Number.isSafeInteger(offset) || offset + length > file.size)
      throw fail(
        `ends at byte ${offset + length} of a file that has ${file.size} (truncated: a download that was not finished?)`,
      );
    const shape = originalShape(path, info.name, metadata[`comfy.gguf.orig_shape.${info.name}`], stored);
    tensors.set(info.name, { name: info.name, dtype: type.as, shape, file: file.path, offset, length });
  }
  requireApart(path, tensors);
  const texts = Object.entries(metadata).flatMap(([key, value]) =>
    typeof value === "string" || typeof value === "number" ? [[key, String(value)]] : [],
  );
  return { path, tensors, metadata: Object.fromEntries(texts) };
}

async function refuseOthers(path: string, real: string): Promise<void> {
  const handle = await open(real, "r");
  try {
    const start = Buffer.alloc(contentStart);
    const { bytesRead } = await handle.read(start, 0, contentStart, 0);
    if (bytesRead === 0) throw notGguf(path, "it is empty (a download that was not finished?)");
    const foreign = foreignContent(start.subarray(0, bytesRead));
    if (foreign !== undefined) throw modelError("malformed", `${path} is ${foreign}`, { file: path });
    if (start.toString("latin1", 0, 4) !== "GGUF") throw notGguf(path, "it does not begin with GGUF");
    if (start.readUInt32LE(4) >>> 16 !== 0) throw notGguf(path, "its numbers are big-endian");
  } finally {
    await handle.close();
  }
}

async function parse(path: string, real: string): Promise<GGUFParseOutput> {
  const { gguf } = await import("@huggingface/gguf");
  try {
    return await gguf(real, { allowLocalFile: true });
  } catch (cause) {
    throw notGguf(path, `${clip((cause as Error).message)} (truncated?)`, cause);
  }
}

/** city96's tools lay kernels out in rows of 256, so that they can be quantised, and note the shape that they have. */
function originalShape(path: string, name: string, noted: unknown, stored: readonly number[]): readonly number[] {
  if (noted === undefined) return stored;
  const shape = Array.isArray(noted) ? noted.map(Number) : [];
  const count = (sides: readonly number[]) => sides.reduce((product, side) => product * side, 1);
  const plausible = shape.length > 0 && shape.every((side) => Number.isSafeInteger(side) && side > 0);
  if (plausible && count(shape) === count(stored)) return shape;
  throw failing(path, name)(
    `is [${stored.join(", ")}] and noted to be ${quote(noted)}, which has other elements`,
    "shape",
  );
}

function requireApart(path: string, tensors: ReadonlyMap<string, WeightTensor>): void {
  const inOrder = [...tensors.values()].sort((a, b) => a.offset - b.offset);
  for (const [i, tensor] of inOrder.entries()) {
    const before = inOrder[i - 1];
    if (before !== undefined && tensor.offset < before.offset + before.length)
      throw failing(path, tensor.name)("overlaps the tensor before it");
  }
}

function failing(path: string, tensor: string) {
  return (message: string, problem: "malformed" | "unsupported" | "shape" = "malformed") =>
    modelError(problem, `${path}: tensor ${quote(tensor)} ${message}`, { file: path, tensor: clip(tensor) });
}

function notGguf(path: string, message: string, cause?: unknown) {
  return modelError("malformed", `${path} is not a GGUF file: ${message}`, { file: path, cause });
}
