import type { Backend } from "../backend.ts";
import type { Capabilities } from "../capabilities.ts";
import { checkCapabilities } from "../check-capabilities.ts";
import { dropUnsupported } from "../drop-unsupported.ts";
import { judgedBy } from "../edit/edit.ts";
import type { Issue } from "../errors/issue.ts";
import { LatentKitError, type SerializedError } from "../errors/latentkit-error.ts";
import { UnsupportedError } from "../errors/unsupported-error.ts";
import type { ModelIdentity } from "../events.ts";
import { knownVariant } from "../request/canonical-names.ts";
import { withOwnScale } from "../request/own-scale.ts";
import type { GenerationRequest } from "../request/request.ts";
import { type Estimate, estimateOf } from "./estimate.ts";
import type { History } from "./history.ts";

/** A field that is understood as something else, or that a backend is given in another way. */
export interface Translation {
  field: string;
  from: unknown;
  to: unknown;
  /** Why, in words. */
  message: string;
}

/** What one backend would make of a request. */
export interface BackendExplanation {
  backend: string;
  model?: ModelIdentity;
  /** Whether it would do all that is asked. */
  fits: boolean;
  /** What it can't do, with what would work. */
  issues: readonly Issue[];
  /** With `onUnsupported: "warn"`: what would be left out or changed, and go on. */
  dropped: readonly Issue[];
  /** Whether it would refuse even so. */
  refuses: boolean;
  translated: readonly Translation[];
  estimate: Estimate;
  /** Why it could not be asked, as when a server does not answer. */
  error?: SerializedError;
}

/** What would become of a request, without anything being done. */
export interface Explanation {
  /** The request as it would be sent, with defaults and other tools' names put in. */
  request: GenerationRequest;
  /** Whether a backend can do all of it. */
  fits: boolean;
  /** Each backend that the client's is made of, or the one that it is. */
  backends: readonly BackendExplanation[];
}

/** @throws nothing of a backend's: that stands in its `error`. */
export async function explain(
  backend: Backend,
  request: GenerationRequest,
  given: Readonly<Record<string, unknown>>,
  { history, signal }: { history: History; signal?: AbortSignal | undefined },
): Promise<Explanation> {
  const known = await history.entries();
  const backends = await Promise.all(
    leavesOf(backend).map(async (leaf): Promise<BackendExplanation> => {
      try {
        const options = signal === undefined ? { fresh: true } : { fresh: true, signal };
        const capabilities = await leaf.capabilities(request.model, options);
        return { ...judged(request, given, capabilities, leaf.id), estimate: estimateOf(request, capabilities, known) };
      } catch (error) {
        signal?.throwIfAborted();
        return { ...nothing, backend: leaf.id, estimate: { images: request.count }, error: serialized(error) };
      }
    }),
  );
  return { request, fits: backends.some(({ fits }) => fits), backends };
}

const nothing = { fits: false, issues: [], dropped: [], refuses: true, translated: [] } as const;

/** A composition's backends, each once. What is put around a single one stands for it: it may know its price. */
function leavesOf(backend: Backend): Backend[] {
  const { id, parts = [] } = backend;
  if (parts.length === 0) return [backend];
  const leaves = [...new Set(parts.flatMap(leavesOf))];
  return leaves.length === 1 && leaves[0] === parts[0] && parts[0]?.id === id ? [backend] : leaves;
}

function judged(
  request: GenerationRequest,
  given: Readonly<Record<string, unknown>>,
  capabilities: Capabilities,
  id: string,
): Omit<BackendExplanation, "estimate"> {
  const wanted = withOwnScale(knownVariant(request, capabilities), given, capabilities);
  const issues = checkCapabilities(wanted, judgedBy(wanted, capabilities));
  const { model } = capabilities;
  return {
    backend: id,
    ...(model === undefined ? {} : { model }),
    fits: issues.length === 0,
    issues,
    ...droppedOf(wanted, issues, id),
    translated: translations(given, wanted, capabilities),
  };
}

function droppedOf(wanted: GenerationRequest, issues: readonly Issue[], id: string) {
  try {
    const { warnings } = dropUnsupported(wanted, issues, id);
    const dropped = warnings.map(({ field = "", message }) => ({ field, message }));
    return { dropped, refuses: false };
  } catch (error) {
    if (!UnsupportedError.isInstance(error)) throw error;
    return { dropped: [], refuses: true };
  }
}

/** What was written in another way than it is sent. */
function translations(
  given: Readonly<Record<string, unknown>>,
  wanted: GenerationRequest,
  { tasks, features }: Capabilities,
): Translation[] {
  const found: Translation[] = [];
  for (const field of ["sampler", "scheduler"] as const) {
    if (wanted[field] === undefined || wanted[field] === given[field]) continue;
    const from = given[field] ?? (field === "scheduler" ? given.sampler : undefined);
    if (from === undefined) continue;
    found.push({ field, from, to: wanted[field], message: `${String(from)} is ${wanted[field]} here` });
  }
  if (wanted.task === "outpaint" && !tasks.includes("outpaint") && tasks.includes("inpaint"))
    found.push({ field: "task", from: "outpaint", to: "inpaint", message: "it is inpainted on a larger canvas" });
  if (wanted.seed === undefined && features.includes("seed"))
    found.push({ field: "seed", from: undefined, to: "random", message: "one is drawn, and stands in the recipe" });
  if (wanted.previewEvery > 0 && !features.includes("previewEvery"))
    found.push({
      field: "previewEvery",
      from: wanted.previewEvery,
      to: 0,
      message: "there are no unfinished pictures here",
    });
  return found;
}

function serialized(error: unknown): SerializedError {
  if (LatentKitError.isInstance(error)) return error.toJSON();
  return new LatentKitError("generation", error instanceof Error ? error.message : String(error)).toJSON();
}
