import { join } from "node:path";
import { samplerNames, schedulerNames } from "@latentkit/core/diffusion";
import { z } from "zod";
import { modelError } from "../files/model-error.ts";
import { clip } from "../files/quote.ts";
import { readOptionalJson } from "../files/read-json.ts";

/** What a model wants where a request is silent. */
export interface ModelDefaults {
  readonly steps?: number | undefined;
  readonly guidanceScale?: number | undefined;
  readonly sampler?: string | undefined;
  readonly scheduler?: string | undefined;
  /** The highest σ that a scheduler named in the request lays out, where betas go far beyond what its samplers stand. */
  readonly sigmaMax?: number | undefined;
}

const name = (known: readonly string[]) =>
  z.string().refine((value) => known.includes(value), `must be one of ${known.join(", ")}`);

/** Ranges as in a request. */
const schema = z.strictObject({
  defaults: z
    .strictObject({
      steps: z.int().min(1).max(1000).optional(),
      guidanceScale: z.number().min(0).max(100).optional(),
      sampler: name(samplerNames).optional(),
      scheduler: name(schedulerNames).optional(),
      sigmaMax: z.number().min(1).max(1e6).optional(),
    })
    .default({}),
});

/** Where a model folder states its own defaults. The file is LatentKit's own; other tools pass over it. */
export function defaultsFile(path: string): string {
  return join(path, "latentkit.json");
}

/**
 * A model folder's own defaults, from its `latentkit.json`; none where there is no such file.
 *
 * @throws {@link ModelError} naming the file and the option.
 */
export async function modelDefaults(path: string): Promise<ModelDefaults | undefined> {
  const file = defaultsFile(path);
  const json = await readOptionalJson(file);
  if (json === undefined) return undefined;
  const result = schema.safeParse(json);
  if (result.success) return result.data.defaults;
  const issue = result.error.issues[0]!;
  const unknown = issue.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
  const option = clip([...issue.path, ...unknown].join("."));
  const message = unknown.length > 0 ? "is not known" : issue.message;
  throw modelError("malformed", `${file}: ${option}: ${message}`, { file, option });
}
