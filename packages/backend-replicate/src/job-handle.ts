import { type GenerationRequest, type ModelIdentity, NotFoundError } from "@latentkit/core";
import * as z from "zod";
import { backendId } from "./replicate-error.ts";

const HandleSchema = z.object({
  predictions: z.array(
    z.object({ id: z.string().min(1), index: z.int().min(0), seed: z.union([z.number(), z.string()]).optional() }),
  ),
  /** Uploaded input files, to be removed at the end. */
  files: z.array(z.string()).default([]),
  model: z.object({ id: z.string(), hash: z.string().optional() }).optional(),
  resolved: z.record(z.string(), z.unknown()).default({}),
  previews: z.boolean().default(false),
});

/** What finds a job of this backend again: plain data. */
export interface ReplicateHandle {
  predictions: { id: string; index: number; seed?: number | string | undefined }[];
  files: string[];
  model?: ModelIdentity | undefined;
  resolved: Partial<GenerationRequest>;
  previews: boolean;
}

/** @throws NotFoundError when the data is no handle of this backend. */
export function parseHandle(data: unknown): ReplicateHandle {
  const parsed = HandleSchema.safeParse(data);
  if (parsed.success) return parsed.data as ReplicateHandle;
  throw new NotFoundError("This handle names no predictions of Replicate.", {
    backend: backendId,
    cause: parsed.error,
  });
}
