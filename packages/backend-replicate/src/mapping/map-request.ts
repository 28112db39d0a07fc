import { type GenerationRequest, type Issue, UnsupportedError, type WarningEvent } from "@latentkit/core";
import { checkOwnInput, missingInputs } from "../model/check-input.ts";
import type { InputProperty } from "../model/input-schema.ts";
import type { ResolvedModel } from "../model/resolved-model.ts";
import { backendId } from "../replicate-error.ts";
import { mapConditioning } from "./conditioning.ts";
import { familyOf } from "./families.ts";
import { mapImages } from "./images.ts";
import { mapLoras } from "./loras.ts";
import { Mapping } from "./mapping.ts";
import { mapOutput } from "./output-format.ts";
import { mapSampler } from "./sampler.ts";
import { defaultSize, mapSize } from "./size.ts";

/** A request as the model's input; the seed is put in for each prediction, files are uploaded before. */
export interface MappedRequest {
  input: Record<string, unknown>;
  /** Where each prediction's own seed goes. */
  seed: InputProperty | undefined;
  warnings: WarningEvent[];
  /** What the model decides where the request is silent. */
  resolved: Partial<GenerationRequest>;
}

/**
 * Maps a request to a model's inputs by the model's own schema and its family's habits.
 *
 * @throws UnsupportedError naming each field that the model cannot honour, before anything is sent.
 */
export function mapRequest(
  request: GenerationRequest,
  own: Readonly<Record<string, unknown>>,
  model: ResolvedModel,
): MappedRequest {
  const { schema } = model;
  const modelId = `${model.owner ?? ""}/${model.name ?? ""}`.toLowerCase();
  const mapping = new Mapping({ request, schema, family: familyOf(modelId, schema), modelId });
  mapPrompt(mapping);
  mapSize(mapping);
  for (const role of ["steps", "guidanceScale", "clipSkip"] as const) mapping.put(role, request[role], role);
  mapSampler(mapping);
  mapImages(mapping);
  mapConditioning(mapping);
  mapLoras(mapping);
  mapOutput(mapping);
  const seed = mapping.find("seed");
  const added = mapping.family.complete?.(mapping.input, request, schema) ?? {};
  const input = { ...mapping.input, ...added, ...own };
  const issues: Issue[] = [...mapping.issues, ...checkOwnInput(own, schema)];
  if (issues.length === 0)
    issues.push(...missingInputs({ ...input, ...(seed === undefined ? {} : { [seed.name]: 0 }) }, schema));
  if (issues.length > 0)
    throw new UnsupportedError(issues, { backend: backendId, details: { model: model.identity.id } });
  const resolved = { ...defaults(mapping), ...mapping.resolved } as Partial<GenerationRequest>;
  return { input, seed, warnings: mapping.warnings, resolved };
}

function mapPrompt(mapping: Mapping): void {
  const { request } = mapping;
  if (request.task === "unconditional") return;
  for (const role of ["prompt", "negativePrompt"] as const) {
    // An empty text is sent all the same: the model's default may be a text of its own.
    if (request[role] !== "" || mapping.find(role) !== undefined) mapping.put(role, request[role], role);
  }
}

/** The schema's defaults for what the request left open: they belong in the recipe. */
function defaults(mapping: Mapping): Partial<GenerationRequest> {
  const { request } = mapping;
  const resolved: Record<string, unknown> = {};
  for (const role of ["steps", "guidanceScale"] as const) {
    const value = mapping.find(role)?.default;
    if (request[role] === undefined && typeof value === "number") resolved[role] = value;
  }
  const negative = mapping.find("negativePrompt")?.default;
  const silent = request.task !== "unconditional" && request.negativePrompt === undefined;
  if (silent && typeof negative === "string" && negative.trim() !== "") resolved.negativePrompt = negative;
  const open = request.width === undefined && request.height === undefined && !("image" in request);
  return { ...resolved, ...(open ? defaultSize(mapping) : {}) } as Partial<GenerationRequest>;
}
