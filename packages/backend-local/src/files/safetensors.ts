import { type FileHandle, open } from "node:fs/promises";
import { duplicateKey } from "./duplicate-key.ts";
import { contentStart, foreignContent } from "./foreign-content.ts";
import { modelError } from "./model-error.ts";
import { nestsDeeperThan } from "./nesting.ts";
import { clip, quote } from "./quote.ts";
import { regularFile } from "./regular-file.ts";
import type { StoredType } from "./stored-type.ts";

/** Bytes an element takes, by safetensors dtype. */
const elementSizes = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F4: 0.5,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;

/** Element type of a tensor as safetensors names it. */
export type SafetensorsDtype = keyof typeof elementSizes;

/** Longest header that is read, in bytes. The largest published models need about a tenth of it. */
export const maxHeaderBytes = 8 * 1024 * 1024;

/** A header is an object of objects of lists. */
const maxDepth = 3;

/** Most dimensions of a tensor. */
const maxRank = 8;

/** One tensor of a weights file: where its little-endian, row-major elements lie. */
export interface WeightTensor {
  readonly name: string;
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  /** The file it lies in, with symbolic links resolved. */
  readonly file: string;
  /** Position of its first byte, from the start of the file. */
  readonly offset: number;
  /** Its size in bytes. */
  readonly length: number;
  /** Whether the elements lie as those of the transposed matrix, of `shape` reversed. */
  readonly transposed?: true;
  /** What its elements are to be multiplied with: one number, or one for each of its rows. */
  readonly scale?: WeightTensor;
  /** Of a matrix whose columns were rotated in groups of so many (ConvRot): what it is multiplied with must be, too. */
  readonly rotation?: number;
  /** How a layer is to multiply with it, where that isn't in float32: in integers, what it multiplies being rounded; or in GGUF's blocks, laid out for it. */
  readonly product?: "int8" | "blocks";
}

/** A weights file's header, checked against the file. */
export interface SafetensorsFile {
  /** The path that was asked for. */
  readonly path: string;
  readonly tensors: ReadonlyMap<string, WeightTensor>;
  /** The header's `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads and checks a safetensors header; no tensor data is read, and nothing is allocated on the header's word: its
 * length is held against the file's and {@link maxHeaderBytes} first. Symbolic links are followed (a Hugging Face cache
 * is made of them).
 *
 * @throws {@link ModelError} naming the file, and the tensor where one is at fault: not a file, truncated, not
 * safetensors, duplicate names, unknown dtypes, lengths that disagree with shapes, overlaps, holes, offsets past the end.
 * @see https://huggingface.co/docs/safetensors for the format
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await regularFile(path);
  const handle = await open(file.path, "r");
  try {
    await refuseForeign(path, handle);
    return parseHeader(path, file, await readHeader(path, file.size, handle));
  } finally {
    await handle.close();
  }
}

/**
 * {@link readSafetensors} of a whole file's bytes, for small files; `name` is what messages call it. Each tensor's `offset` counts from
 * the first byte.
 *
 * @throws {@link ModelError} as {@link readSafetensors} does.
 */
export function parseSafetensors(name: string, bytes: Buffer): SafetensorsFile {
  const fail = notSafetensors(name);
  const length = headerLength(bytes.subarray(0, 8), bytes.length, fail);
  return parseHeader(name, { path: name, size: bytes.length }, checkHeader(bytes.subarray(8, 8 + length), fail));
}

/** A pointer, a web page or an error in the file's place says so itself: its first bytes would make a header's length in any case. */
async function refuseForeign(path: string, handle: FileHandle): Promise<void> {
  const start = Buffer.alloc(contentStart);
  const { bytesRead } = await handle.read(start, 0, contentStart, 0);
  if (bytesRead === 0) throw notSafetensors(path)("it is empty (a download that was not finished?)");
  const foreign = foreignContent(start.subarray(0, bytesRead));
  if (foreign !== undefined) throw modelError("malformed", `${path} is ${foreign}`, { file: path });
}

async function readHeader(path: string, size: number, handle: FileHandle): Promise<Buffer> {
  const fail = notSafetensors(path);
  const prefix = Buffer.alloc(8);
  await handle.read(prefix, 0, 8, 0);
  const header = Buffer.alloc(headerLength(prefix, size, fail));
  const { bytesRead } = await handle.read(header, 0, header.length, 8);
  if (bytesRead !== header.length) throw fail("it ends inside its header");
  return checkHeader(header, fail);
}

function notSafetensors(path: string): (message: string) => Error {
  return (message) => modelError("malformed", `${path} is not a safetensors file: ${message}`, { file: path });
}

function headerLength(prefix: Buffer, size: number, fail: (message: string) => Error): number {
  if (size < 10) throw fail(`it has ${size} bytes, and the shortest header needs 10`);
  const length = prefix.readBigUInt64LE(0);
  if (length > BigInt(maxHeaderBytes)) throw fail(`its header claims ${length} bytes, more than ${maxHeaderBytes}`);
  if (length > BigInt(size - 8)) throw fail(`its header claims ${length} bytes and the file has ${size} (truncated?)`);
  return Number(length);
}

function checkHeader(header: Buffer, fail: (message: string) => Error): Buffer {
  if (header[0] !== 0x7b) throw fail("its header does not begin with {");
  return header;
}

function parseHeader(path: string, file: { path: string; size: number }, bytes: Buffer): SafetensorsFile {
  const fail = (message: string, tensor?: string, cause?: unknown) =>
    modelError("malformed", `${path}: ${tensor === undefined ? "" : `tensor ${quote(tensor)} `}${message}`, {
      file: path,
      tensor: tensor === undefined ? undefined : clip(tensor),
      cause,
    });
  let text: string;
  let header: Record<string, unknown>;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw fail("its header is not UTF-8", undefined, cause);
  }
  if (nestsDeeperThan(text, maxDepth)) throw fail(`its header nests deeper than ${maxDepth} levels`);
  try {
    header = JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw fail("its header is not JSON", undefined, cause);
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) throw fail("appears twice", twice);

  const dataStart = 8 + bytes.length;
  const dataSize = file.size - dataStart;
  const tensors = new Map<string, WeightTensor>();
  const needed = dataStart + lastByte(header);
  if (needed > file.size)
    throw fail(
      `has ${file.size} of the ${needed} bytes that its header tells of (truncated: a download that was not finished?)`,
    );
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") {
      if (!isStringRecord(value)) throw fail("its __metadata__ is not a map of strings");
      metadata = value;
      continue;
    }
    const { dtype, shape, begin, end } = parseEntry(value, (message) => fail(message, name));
    if (end > dataSize) throw fail(`ends at byte ${end} of the data, which has ${dataSize} (truncated?)`, name);
    tensors.set(name, { name, dtype, shape, file: file.path, offset: dataStart + begin, length: end - begin });
  }

  // The format allows neither overlaps nor holes, so in order of offset each tensor begins where the last one ended.
  let expected = dataStart;
  const inOrder = [...tensors.values()].sort((a, b) => a.offset - b.offset || a.length - b.length);
  for (const tensor of inOrder) {
    if (tensor.offset < expected) throw fail("overlaps the tensor before it", tensor.name);
    if (tensor.offset > expected)
      throw fail(`leaves a hole of ${tensor.offset - expected} bytes before it`, tensor.name);
    expected += tensor.length;
  }
  if (expected !== file.size) throw fail(`${file.size - expected} bytes at its end belong to no tensor`);
  return { path, tensors, metadata };
}

/** Where the last tensor of a header ends, as far as it says. */
function lastByte(header: Record<string, unknown>): number {
  const ends = Object.values(header).map((entry) => {
    const offsets = (entry as { data_offsets?: unknown } | null)?.data_offsets;
    return Array.isArray(offsets) && Number.isSafeInteger(offsets[1]) ? (offsets[1] as number) : 0;
  });
  return ends.reduce((last, end) => Math.max(last, end), 0);
}

function parseEntry(value: unknown, fail: (message: string) => Error) {
  if (typeof value !== "object" || value === null) throw fail("is not described by an object");
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  if (typeof dtype !== "string" || !Object.hasOwn(elementSizes, dtype)) {
    throw fail(`has the unknown dtype ${quote(dtype)}; known: ${Object.keys(elementSizes).join(", ")}`);
  }
  if (!isIntegerList(shape)) throw fail(`has the shape ${quote(shape)}, not a list of sizes`);
  if (shape.length > maxRank) throw fail(`has ${shape.length} dimensions; at most ${maxRank} are plausible`);
  if (!isIntegerList(offsets) || offsets.length !== 2) throw fail("has no data_offsets [begin, end]");
  const [begin, end] = offsets as [number, number];
  const size = shape.reduce((product, n) => product * n, elementSizes[dtype as SafetensorsDtype]);
  if (!Number.isSafeInteger(size) || end - begin !== size) {
    throw fail(`of dtype ${dtype} and shape ${quote(shape)} needs ${size} bytes; its offsets span ${end - begin}`);
  }
  return { dtype: dtype as SafetensorsDtype, shape, begin, end };
}

function isIntegerList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function isStringRecord(value: unknown): value is Record<string, string> {
  return typeof value === "object" && value !== null && Object.values(value).every((v) => typeof v === "string");
}
