import {
  type Client,
  type GenerationInput,
  type ImagePayload,
  type Pixels,
  payloadPixels,
  type Recipe,
} from "@latentkit/core";
import { graphicsOf } from "../terminal/drawing.ts";
import { isTerminal } from "../terminal/progress-view.ts";
import type { GenerateFlags } from "./flags.ts";

/** So many previews are shown of a picture where `--preview` does not say: on some backends each costs a decoding. */
const usualPreviews = 5;
/** The default where the number of steps is not known yet. */
const usualEvery = 4;

/** The input with previews asked for every so many steps: none where nobody would see them, or the backend has none. */
export async function withPreviews<I extends GenerationInput | Recipe>(
  input: I,
  { preview }: Pick<GenerateFlags, "preview">,
  client: Client,
  stream: NodeJS.WritableStream,
  signal: AbortSignal,
): Promise<I> {
  const request = ("request" in input ? input.request : input) as GenerationInput;
  const isSeen = preview !== false && isTerminal(stream) && graphicsOf(stream) !== undefined;
  const isPossible = isSeen && (await hasPreviews(client, request.model, signal));
  const usual = request.steps === undefined ? usualEvery : Math.max(1, Math.ceil(request.steps / usualPreviews));
  const previewEvery = isPossible ? (preview ?? (request.previewEvery || usual)) : 0;
  return ("request" in input ? { ...input, request: { ...request, previewEvery } } : { ...input, previewEvery }) as I;
}

/** What is wrong with model or server is left for the job to say. */
async function hasPreviews(client: Client, model: string | undefined, signal: AbortSignal): Promise<boolean> {
  const { features } = await client.capabilities(model, { signal }).catch(() => ({ features: [] as string[] }));
  return (features as readonly string[]).includes("previewEvery");
}

/** A preview's pixels. @throws ImageError for one that cannot be had. */
export function previewPixels(image: ImagePayload, { backend }: Client, signal: AbortSignal): Promise<Pixels> {
  return payloadPixels(image, backend, signal);
}
