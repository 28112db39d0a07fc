import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import type { WarningEvent } from "../events.ts";
import { type ImageSource, ImageSourceSchema } from "../request/image-source.ts";
import { inputFiles, mapInputFiles } from "../request/input-files.ts";
import type { LatentInput } from "../request/input-types.ts";
import { LatentSourceSchema } from "../request/latent-source.ts";
import type { GenerationRequest } from "../request/request.ts";

/** A file in the place of one that a recipe names: a path, a URL, bytes; for `latent` also its values. */
export type RecipeInput = LatentInput;

/** Files by the field of the request that they stand for (`"image"`, `"mask"`, `"conditioning[0].image"`), or by the name that the recipe has there. */
export type RecipeInputs = Readonly<Record<string, RecipeInput>>;

/** A request with files of the caller's in the place of those that its recipe names, and what the recipe knew of these. */
export interface WithInputs {
  request: GenerationRequest;
  /** The fields that were given, with the SHA-256 that the recipe has there. */
  given: ReadonlyMap<string, string | undefined>;
}

/**
 * Puts the caller's files in their places.
 *
 * @throws InvalidRequestError for a name that the recipe has no input for, or a value that is no file.
 */
export function withNamedInputs(request: GenerationRequest, inputs: RecipeInputs): WithInputs {
  const places = inputFiles(request);
  const sources = new Map<string, ImageSource>();
  const given = new Map<string, string | undefined>();
  for (const [name, value] of Object.entries(inputs)) {
    const place = places.find(({ field }) => field === name) ?? places.find(({ source }) => nameOf(source) === name);
    if (place === undefined) {
      const known = places.map(({ field }) => field);
      const message = `the recipe has no such input; it has ${known.length === 0 ? "none" : known.join(", ")}`;
      throw new InvalidRequestError([{ field: `inputs.${name}`, message, allowed: known }]);
    }
    const { field, source } = place;
    sources.set(field, parseInput(value, name, field === "latent"));
    given.set(field, source.sha256);
  }
  return { request: mapInputFiles(request, (source, field) => sources.get(field) ?? source), given };
}

/** Warnings for inputs that are not the files that the recipe was made with. */
export function differingInputs(request: GenerationRequest, given: WithInputs["given"]): WarningEvent[] {
  return inputFiles(request).flatMap(({ field, source }) => {
    const was = given.get(field);
    if (was === undefined || source.sha256 === undefined || source.sha256 === was) return [];
    const message = `${field}: the file that was given is not the one that the recipe was made with (its SHA-256 differs): the picture may differ.`;
    return [{ type: "warning", code: "recipe_differs", field, message }];
  });
}

function parseInput(value: RecipeInput, name: string, isLatent: boolean): ImageSource {
  const parsed = (isLatent ? LatentSourceSchema : ImageSourceSchema).safeParse(value);
  if (parsed.success) return parsed.data;
  throw new InvalidRequestError([
    { field: `inputs.${name}`, message: parsed.error.issues[0]?.message ?? "must be a file" },
  ]);
}

/** The last part of a path or of a URL's path. */
function nameOf(source: ImageSource): string | undefined {
  const whole = "path" in source ? source.path : "url" in source ? source.url.replace(/[?#].*$/, "") : undefined;
  return whole?.split(/[\\/]/).at(-1);
}
