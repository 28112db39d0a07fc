import type { Issue } from "./errors/issue.ts";
import { UnsupportedError } from "./errors/unsupported-error.ts";
import type { WarningEvent } from "./events.ts";
import type { GenerationRequest } from "./request/request.ts";

/** Fields without which the request means something else: they are refused even when asked only to warn. */
const essential = /^(task|width|height|count|scale|steps|guidanceScale|output)/;
/** Fields whose absence makes another picture altogether. */
const alwaysEssential = ["latent", "startStep", "endStep"];

/**
 * Leaves out what the backend cannot do, with a warning for each field.
 *
 * @throws UnsupportedError for a field that cannot be left out.
 */
export function dropUnsupported(
  request: GenerationRequest,
  issues: readonly Issue[],
  backend: string,
): { request: GenerationRequest; warnings: WarningEvent[] } {
  const stuck = issues.filter(
    ({ field, allowed }) => alwaysEssential.includes(field) || (essential.test(field) && allowed !== undefined),
  );
  if (stuck.length > 0) throw new UnsupportedError(stuck, { backend });
  const fields = issues.map(({ field }) => field);
  const kept = Object.entries(request).filter(([key]) => !fields.includes(key));
  const conditioning = request.conditioning.filter(
    (_, i) => !fields.some((field) => field.startsWith(`conditioning[${i}]`)),
  );
  const lists = {
    conditioning,
    loras: fields.includes("loras") ? [] : request.loras,
    embeddings: fields.includes("embeddings") ? [] : request.embeddings,
  };
  const scalars = { previewEvery: fields.includes("previewEvery") ? 0 : request.previewEvery };
  const warnings = issues.map(
    ({ field, message }): WarningEvent => ({
      type: "warning",
      code: "unsupported",
      field,
      message: `${field}: ${message}`,
    }),
  );
  return { request: { ...Object.fromEntries(kept), ...lists, ...scalars } as GenerationRequest, warnings };
}
