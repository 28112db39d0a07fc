import {
  type GenerationRequest,
  type ImageSource,
  InvalidRequestError,
  type Issue,
  inputFiles,
  isHashed,
  isRecipe,
  loadImageSource,
  mapInputFiles,
  parseRecipe,
  parseRequest,
  probeImage,
  type Recipe,
  recipeTouches,
  takeLoraTags,
  UnsupportedError,
} from "@latentkit/core";
import type { ResolvedOptions } from "../server-options.ts";
import type { Uploads } from "../uploads.ts";
import { checkSize } from "./check-size.ts";
import type { Names } from "./names.ts";

/** A request of a client, fit for the backend: no paths, no addresses, names in the backend's words, within the limits. */
export interface Admitted {
  input: GenerationRequest | Recipe;
  request: GenerationRequest;
  /** Bytes that its inputs hold while it runs. */
  bytes: number;
}

/** What a request is admitted by. */
export interface Gate {
  options: ResolvedOptions;
  names: Names;
  uploads: Uploads;
}

/** Files that came with the request, by field. */
export type SentFiles = ReadonlyMap<string, Uint8Array>;

/**
 * Holds what a client asks for against what clients may ask for. A recipe may do no more than a request.
 *
 * @throws InvalidRequestError, UnsupportedError, RecipeError or ImageError, before any work.
 */
export async function admit(
  input: unknown,
  { options, names, uploads }: Gate,
  { owner, signal, files = new Map() }: { owner: string; signal: AbortSignal; files?: SentFiles },
): Promise<Admitted> {
  const recipe = isRecipe(input) ? parseRecipe(input) : undefined;
  const asked = withTagged(recipe?.request ?? parseRequest(withPlaces(input, files)));
  checkReach(asked, options);
  const named = await names.resolve(asked);
  const loaded = new Map<string, ImageSource>();
  for (const { source, field } of inputFiles(named)) {
    const bytes = files.get(field) ?? (await bytesOf(source, field));
    loaded.set(field, { base64: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64") });
    if (field !== "latent") {
      const { width, height } = await probeImage(bytes, field, options.maxInputPixels);
      if (field === "image") checkSize(asked, options, { width, height });
    }
  }
  if (!loaded.has("image")) checkSize(asked, options);
  const unused = [...files.keys()].filter((field) => !loaded.has(field));
  if (unused.length > 0)
    throw new InvalidRequestError(
      unused.map((field) => ({ field, message: "is a file that the request has no place for" })),
    );
  const request = mapInputFiles(named, (source, field) => loaded.get(field) ?? source);
  const bytes = [...loaded.values()].reduce((sum, source) => sum + ("base64" in source ? source.base64.length : 0), 0);
  return { request, input: recipe === undefined ? request : { ...recipe, request }, bytes };

  async function bytesOf(source: ImageSource, field: string): Promise<Uint8Array> {
    if (isHashed(source)) {
      const upload = uploads.bytesOf(owner, source.sha256);
      if (upload !== undefined) return upload;
      const message = `no upload has SHA-256 ${source.sha256.slice(0, 12)}…: send the file first (POST /v1/uploads)`;
      throw new InvalidRequestError([{ field, message }]);
    }
    const { inputHosts: allowHosts, maxBodyBytes: maxBytes } = options;
    return loadImageSource(source, { field, signal, allowHosts, allowPrivate: false, maxBytes });
  }
}

/** @throws InvalidRequestError or UnsupportedError for what a client may not reach, or not so often. */
function checkReach(request: GenerationRequest, options: ResolvedOptions): void {
  const issues: Issue[] = [];
  for (const { kind, field } of recipeTouches(request)) {
    if (kind === "path")
      issues.push({
        field,
        message: "a server reads no paths: send the file, as base64, as a data URL, or by POST /v1/uploads",
      });
    if (kind === "url" && options.inputHosts.length === 0)
      issues.push({ field, message: "this server fetches no addresses (inputHosts): send the file itself" });
    if (kind === "backendOptions" && !options.backendOptions)
      issues.push({ field, message: "this server takes no options of a backend (backendOptions)" });
  }
  for (const [field, value] of [["count", request.count] as const, ...stepsOf(request)]) {
    const max = field === "count" ? options.maxCount : options.maxSteps;
    if (value !== undefined && value > max)
      issues.push({ field, message: `must be at most ${max} on this server`, allowed: { max } });
  }
  const levels = Math.max(request.sigmas?.length ?? 0, request.timesteps?.length ?? 0);
  if (levels > options.maxSteps + 1)
    issues.push({
      field: request.sigmas ? "sigmas" : "timesteps",
      message: `must be at most ${options.maxSteps} steps on this server`,
    });
  if (issues.length > 0) throw new UnsupportedError(issues, { backend: "server" });
}

/** Every number of steps that a request names: its own, and those of what goes on with its picture. */
function stepsOf({ steps, hires, ...request }: GenerationRequest): [field: string, value: number | undefined][] {
  const { refine, draft, redraw } = { refine: undefined, draft: undefined, redraw: undefined, ...request };
  return [
    ["steps", steps],
    ["hires.steps", hires?.steps],
    ["draft.steps", draft?.steps],
    ["redraw.steps", redraw?.steps],
    ...(refine ?? []).map((stage, i): [string, number | undefined] => [`refine[${i}].steps`, stage.steps]),
  ];
}

/** A LoRA that A1111's tag in a prompt names is one that the request names: it is held against the same names. */
function withTagged(request: GenerationRequest): GenerationRequest {
  if (!("promptSyntax" in request) || request.promptSyntax !== "a1111" || !request.prompt) return request;
  const { prompt, loras, notes } = takeLoraTags(request.prompt);
  // What no tag should say is the backend's to tell.
  return loras.length === 0 || notes.length > 0 ? request : { ...request, prompt, loras: [...request.loras, ...loras] };
}

/** A request whose files came beside it has no words for them. */
function withPlaces(input: unknown, files: SentFiles): unknown {
  if (files.size === 0 || typeof input !== "object" || input === null) return input;
  const here = { base64: "" };
  const top = [...files.keys()].filter((field) => !field.includes("["));
  return { ...Object.fromEntries(top.map((field) => [field, here])), ...input };
}
