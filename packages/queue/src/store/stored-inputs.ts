import {
  type CallInputs,
  type GenerationRequest,
  type ImageSource,
  InvalidRequestError,
  inputFiles,
  isHashed,
  loadImageSource,
  mapInputFiles,
  sha256,
} from "@latentkit/core";
import { z } from "zod";
import type { ObjectStore } from "./object-store.ts";

const HashSchema = z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().min(1) });
const keyOf = (hash: string) => `inputs/${hash}`;

/** The request with its files in the store: each stands in it by its hash, as no worker sees the paths of this machine. */
export async function storeInputs(
  request: GenerationRequest,
  store: ObjectStore,
  { signal, inputs = {} }: { signal: AbortSignal; inputs?: CallInputs | undefined },
): Promise<GenerationRequest> {
  const { maxPixels: _, ...rules } = inputs;
  const stored = new Map<string, ImageSource>();
  for (const { source, field } of inputFiles(request)) {
    const bytes = await loadImageSource(source, { ...rules, field, signal });
    const hash = sha256(bytes);
    await store.put(keyOf(hash), bytes);
    stored.set(field, { sha256: hash, size: bytes.length });
  }
  return mapInputFiles(request, (source, field) => stored.get(field) ?? source);
}

/**
 * The request with its files' bytes again. A job in Redis names files by their hash alone: one that names a path of the worker's machine, or an
 * address, was put there by somebody else.
 *
 * @throws InvalidRequestError where it is no request, or a file is there no more.
 */
export async function loadInputs(request: GenerationRequest, store: ObjectStore): Promise<GenerationRequest> {
  const loaded = new Map<string, ImageSource>();
  for (const { source, field } of filesIn(request)) {
    if (!HashSchema.safeParse(source).success || !isHashed(source))
      throw new InvalidRequestError([{ field, message: "is not told by its hash, as a queue's files are" }]);
    const bytes = await store.get(keyOf(source.sha256));
    if (bytes === undefined || sha256(bytes) !== source.sha256)
      throw new InvalidRequestError([{ field, message: "the file is not in the queue's store, or not whole" }]);
    loaded.set(field, { base64: Buffer.from(bytes).toString("base64"), sha256: source.sha256 });
  }
  return mapInputFiles(request, (source, field) => loaded.get(field) ?? source);
}

function filesIn(request: GenerationRequest): ReturnType<typeof inputFiles> {
  try {
    if (typeof request === "object" && request !== null) return inputFiles(request);
  } catch {
    // Lists that are none.
  }
  throw new InvalidRequestError([
    { field: "", message: "the job in the queue holds no request that this version reads" },
  ]);
}
