import { LatentKitError, readFileTexts } from "@latentkit/core";

/** A graph in API format, as a file has it. */
export interface SavedGraph {
  /** Its JSON. */
  text: string;
  nodes: Record<string, { class_type: string; inputs: Record<string, unknown> }>;
  /** The editor's own file of it, where the picture has that too. */
  workflow?: string | undefined;
}

/** The graph that ComfyUI wrote into a picture, or a graph in a text; undefined where there is none, or a recipe of ours goes before it. */
export async function savedGraph(bytes: Uint8Array): Promise<SavedGraph | undefined> {
  // A picture has such a byte in its head, and a text has none.
  const texts = bytes.includes(0) ? await textsOf(bytes) : new Map([["prompt", Buffer.from(bytes).toString("utf8")]]);
  const text = texts.get("prompt");
  if (text === undefined || texts.has("latentkit")) return undefined;
  const nodes = parse(text);
  return nodes === undefined ? undefined : { text, nodes, workflow: texts.get("workflow") };
}

async function textsOf(bytes: Uint8Array): Promise<ReadonlyMap<string, string>> {
  try {
    return await readFileTexts(bytes);
  } catch (error) {
    if (LatentKitError.isInstance(error)) return new Map();
    throw error;
  }
}

function parse(text: string): SavedGraph["nodes"] | undefined {
  try {
    const graph: unknown = JSON.parse(text.replace(/^\uFEFF/, ""));
    if (typeof graph !== "object" || graph === null || Array.isArray(graph)) return undefined;
    const nodes = Object.values(graph) as Partial<SavedGraph["nodes"][string]>[];
    const isGraph = nodes.length > 0 && nodes.every((node) => typeof node?.class_type === "string");
    return isGraph ? (graph as SavedGraph["nodes"]) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * ComfyUI's own nodes that make a picture out of words, numbers and the server's models, and of nothing else: they read no file that was
 * uploaded, reach no address, and cost nothing.
 */
const plain = new Set([
  ...["CheckpointLoaderSimple", "UNETLoader", "CLIPLoader", "DualCLIPLoader", "TripleCLIPLoader", "VAELoader"],
  ...["LoraLoader", "LoraLoaderModelOnly", "CLIPSetLastLayer", "CLIPTextEncode", "CLIPTextEncodeSDXL"],
  ...["CLIPTextEncodeSDXLRefiner", "CLIPTextEncodeFlux", "CLIPTextEncodeSD3", "FluxGuidance", "ConditioningZeroOut"],
  ...["ConditioningCombine", "ConditioningConcat", "ConditioningAverage", "ConditioningSetTimestepRange"],
  ...["EmptyLatentImage", "EmptySD3LatentImage", "EmptyFlux2LatentImage", "LatentUpscale", "LatentUpscaleBy"],
  ...["KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced", "KSamplerSelect", "RandomNoise"],
  ...["DisableNoise", "BasicGuider", "CFGGuider", "DualCFGGuider", "BasicScheduler", "KarrasScheduler"],
  ...["ExponentialScheduler", "PolyexponentialScheduler", "SDTurboScheduler", "BetaSamplingScheduler", "SplitSigmas"],
  ...["AlignYourStepsScheduler", "GITSScheduler", "Flux2Scheduler", "FlipSigmas", "ManualSigmas"],
  ...["ModelSamplingDiscrete", "ModelSamplingFlux", "ModelSamplingSD3", "ModelSamplingAuraFlow", "RescaleCFG"],
  ...["FreeU", "FreeU_V2", "PerturbedAttentionGuidance", "VAEDecode", "VAEDecodeTiled", "VAEEncode", "ImageScale"],
  ...["ImageScaleBy", "UpscaleModelLoader", "ImageUpscaleWithModel", "SaveImage", "PreviewImage"],
]);

/** So many pictures at once are nobody's bill. */
const mostPictures = 4;

/** What a graph does beyond that, as lines for people. `given` are nodes whose file the user has given. */
export function graphTouches({ nodes }: SavedGraph, given: readonly string[] = []): string[] {
  const each = Object.entries(nodes).flatMap(([id, { class_type: kind, inputs = {} }]) => {
    if (given.includes(id)) return [];
    if (!plain.has(kind)) return [`node ${id}: it runs ${kind}${toldOf(inputs)}`];
    const count = inputs.batch_size;
    return typeof count === "number" && count <= mostPictures ? [] : many(id, count);
  });
  const kinds = Object.values(nodes).map((node) => node.class_type);
  const saves = kinds.filter((kind) => kind === "SaveImage" || kind === "PreviewImage").length;
  const samples = kinds.filter((kind) => /^K?Sampler(Advanced|Custom|CustomAdvanced)?$/.test(kind)).length;
  const times = Math.max(saves, Math.ceil(samples / 2));
  return times > mostPictures ? [...each, `it samples ${samples} times and saves ${saves} pictures`] : each;
}

function many(id: string, count: unknown): string[] {
  return count === undefined ? [] : [`node ${id}: it makes so many pictures: ${JSON.stringify(count)}`];
}

function toldOf(inputs: Readonly<Record<string, unknown>>): string {
  const texts = Object.values(inputs).filter((value) => typeof value === "string");
  const told = texts.join(", ").slice(0, 60);
  return told === "" ? "" : ` (${told})`;
}
