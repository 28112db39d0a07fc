import { type Capabilities, InvalidRequestError, type Issue } from "@latentkit/core";

/** What a call of OpenAI's asks for, in our words. */
export interface OpenAiRequest {
  /** A request of ours, without its files. */
  input: Record<string, unknown>;
  stream: boolean;
  /** Unfinished pictures of each picture that are wanted: 0 to 3. */
  partialImages: number;
  format: "png" | "jpeg" | "webp";
  asUrl: boolean;
  /** What was asked for and has no counterpart: told in the answer. */
  warnings: { field: string; message: string }[];
}

type Fields = Record<string, unknown>;

/** Fields that say nothing about the picture. */
const idle = new Set(["user", "safety_identifier", "moderation"]);
/** Fields without a counterpart, with the values that mean nothing. */
const without: Readonly<Record<string, readonly unknown[]>> = {
  quality: ["auto", "standard"],
  style: ["natural"],
  background: ["auto", "opaque"],
  input_fidelity: ["low"],
  complexity: [],
  frame_count: [1],
  frame_duration_ms: [],
  svg: [],
  markup: [],
};
/** Fields that other servers of this dialect have, and their names here. */
const extras: Readonly<Record<string, string>> = {
  seed: "seed",
  steps: "steps",
  num_inference_steps: "steps",
  negative_prompt: "negativePrompt",
  guidance: "guidanceScale",
  guidance_scale: "guidanceScale",
  cfg_scale: "guidanceScale",
  sampler: "sampler",
  scheduler: "scheduler",
  strength: "strength",
};

/**
 * Reads a body of `/images/generations` or `/images/edits`. `latentkit` in it holds any other field of our request.
 *
 * @throws InvalidRequestError naming OpenAI's field.
 */
export function readOpenAiRequest(body: unknown, capabilities: Capabilities): OpenAiRequest {
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new InvalidRequestError([{ field: "", message: "the body must be an object" }]);
  const fields = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null && value !== undefined));
  const issues: Issue[] = [];
  const warnings: OpenAiRequest["warnings"] = [];
  const {
    prompt,
    model,
    n,
    size,
    output_format,
    output_compression,
    response_format,
    stream,
    partial_images,
    latentkit,
  } = fields;
  if (typeof prompt !== "string") issues.push({ field: "prompt", message: "must be a text" });
  const count = whole(n, "n", 1, 1000, issues) ?? 1;
  const partialImages = whole(partial_images, "partial_images", 0, 3, issues) ?? 0;
  const quality = whole(output_compression, "output_compression", 0, 100, issues);
  const format = oneOf(output_format, "output_format", ["png", "jpeg", "webp"], issues) ?? "png";
  const asUrl = oneOf(response_format, "response_format", ["b64_json", "url"], issues) === "url";
  const streams =
    oneOf(typeof stream === "boolean" ? `${stream}` : (stream ?? undefined), "stream", ["true", "false"], issues) ===
    "true";
  for (const [field, value] of Object.entries(fields)) {
    if (known.has(field) || idle.has(field) || field in extras) continue;
    if (!(field in without))
      warnings.push({ field, message: "is not a field that this server knows; it was left out" });
    else if (field === "background" && value === "transparent")
      issues.push({ field, message: "transparent pictures are not made here" });
    else if (!without[field]!.includes(value))
      warnings.push({ field, message: "has no counterpart here; it was left out. steps and guidance are taken" });
  }
  const own = ownFields(latentkit, issues);
  if (issues.length > 0) throw new InvalidRequestError(issues);
  const named = Object.entries(extras).flatMap(([theirs, ours]) =>
    theirs in fields ? [[ours, numbered(theirs, fields[theirs])]] : [],
  );
  const input: Fields = {
    prompt,
    ...(model === undefined || model === "" ? {} : { model }),
    ...sizeOf(size),
    count,
    ...Object.fromEntries(named),
    output: { format, ...(quality === undefined || quality === 0 ? {} : { quality }) },
    ...own,
  };
  if (streams && partialImages > 0) input.previewEvery ??= previewEvery(input.steps, partialImages, capabilities);
  return { input, stream: streams, partialImages: streams ? partialImages : 0, format, asUrl, warnings };
}

const known = new Set([
  "prompt",
  "model",
  "n",
  "size",
  "output_format",
  "output_compression",
  "response_format",
  "stream",
  "partial_images",
  "latentkit",
  "image",
  "image[]",
  "mask",
]);

/** A form has texts alone. A seed beyond 2^53 stays a text. */
function numbered(field: string, value: unknown): unknown {
  if (typeof value !== "string" || ["negative_prompt", "sampler", "scheduler"].includes(field)) return value;
  const number = Number(value);
  return value.trim() === "" || Number.isNaN(number) || number > Number.MAX_SAFE_INTEGER ? value : number;
}

function whole(value: unknown, field: string, min: number, max: number, issues: Issue[]): number | undefined {
  if (value === undefined) return undefined;
  const number = numbered(field, value);
  if (typeof number === "number" && Number.isInteger(number) && number >= min && number <= max) return number;
  issues.push({ field, message: `must be a whole number from ${min} to ${max}`, allowed: { min, max } });
  return undefined;
}

function oneOf<const T extends string>(
  value: unknown,
  field: string,
  allowed: readonly T[],
  issues: Issue[],
): T | undefined {
  if (value === undefined || allowed.includes(value as T)) return value as T | undefined;
  issues.push({ field, message: `must be one of ${allowed.join(", ")}`, allowed });
  return undefined;
}

function sizeOf(size: unknown): Fields {
  if (size === undefined || size === "auto") return {};
  const [, width, height] = /^(\d{1,5})x(\d{1,5})$/.exec(String(size)) ?? [];
  if (width === undefined)
    throw new InvalidRequestError([{ field: "size", message: 'must be "auto", or such as "1024x1024"' }]);
  return { width: Number(width), height: Number(height) };
}

function ownFields(value: unknown, issues: Issue[]): Fields {
  if (value === undefined) return {};
  try {
    const own = typeof value === "string" ? JSON.parse(value) : value;
    if (typeof own === "object" && own !== null && !Array.isArray(own)) return own as Fields;
  } catch {
    // Told below.
  }
  issues.push({ field: "latentkit", message: "must be an object with fields of a LatentKit request" });
  return {};
}

/** How often a preview is due, so that as many come as are wanted. */
function previewEvery(steps: unknown, wanted: number, { defaults }: Capabilities): number {
  const total = typeof steps === "number" ? steps : (defaults?.steps ?? 20);
  return Math.max(1, Math.floor(total / (wanted + 1)));
}
