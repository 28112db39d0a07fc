import {
  type CallOptions,
  type GenerationRequest,
  type ImageSource,
  inputFiles,
  loadImageSource,
  mapInputFiles,
  NotFoundError,
  sha256,
} from "@latentkit/core";
import * as z from "zod";
import type { ServerCalls } from "./server-calls.ts";

/**
 * The request with its files on the server: each is sent once, and stands in the request by its hash.
 *
 * @throws InvalidRequestError for a file that cannot be read here; the server's errors.
 */
export async function sendFiles(
  request: GenerationRequest,
  calls: ServerCalls,
  { signal, inputs = {} }: CallOptions,
): Promise<GenerationRequest> {
  const sent = new Map<string, ImageSource>();
  for (const { source, field } of inputFiles(request)) {
    const { maxPixels: _, ...rules } = inputs;
    const bytes = await loadImageSource(source, { ...rules, field, signal });
    const hash = sha256(bytes);
    const isThere = await calls.json({ method: "GET", path: `/v1/uploads/${hash}`, signal, schema: z.unknown() }).then(
      () => true,
      (error: unknown) => {
        if (NotFoundError.isInstance(error)) return false;
        throw error;
      },
    );
    // Sent twice it is the same file.
    if (!isThere)
      await calls.json({ method: "POST", path: "/v1/uploads", body: bytes, signal, isSafe: true, schema: z.unknown() });
    sent.set(field, { sha256: hash, size: bytes.length });
  }
  return mapInputFiles(request, (source, field) => sent.get(field) ?? source);
}
