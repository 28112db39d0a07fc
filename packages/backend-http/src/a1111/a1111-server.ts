import { type Capabilities, NotFoundError } from "@latentkit/core";
import { findSampler } from "@latentkit/core/diffusion";
import * as z from "zod";
import type { ServerCalls } from "../server-calls.ts";

/** What a server lists. */
export interface A1111Lists {
  /** What the server calls a sampler, by ComfyUI's name of it. */
  samplers: ReadonlyMap<string, string>;
  schedulers: ReadonlyMap<string, string>;
  /** Titles of checkpoints. */
  models: readonly { title: string; name: string; sha256?: string | undefined }[];
  upscalers: readonly string[];
  loaded: string | undefined;
}

const list = <S extends z.ZodType>(entry: S) => z.array(entry).max(100_000);
const name = z.looseObject({ name: z.string() });
const OptionsSchema = z.looseObject({ sd_model_checkpoint: z.string().nullish() });
const SchedulersSchema = list(z.looseObject({ name: z.string(), label: z.string().nullish() }));
const ModelsSchema = list(
  z.looseObject({ title: z.string(), model_name: z.string(), sha256: z.string().nullish().catch(undefined) }),
);

/** Asks what there is. A list that a server has not is empty: they differ. */
export async function readLists(calls: ServerCalls, signal?: AbortSignal): Promise<A1111Lists> {
  const get = <T>(path: string, schema: z.ZodType<T[]>): Promise<T[]> =>
    calls.json({ method: "GET", path: `/sdapi/v1/${path}`, signal, schema }).catch((error: unknown) => {
      if (NotFoundError.isInstance(error)) return [];
      throw error;
    });
  // The first says whether this is such a server at all.
  const options = await calls.json({ method: "GET", path: "/sdapi/v1/options", signal, schema: OptionsSchema });
  const [samplers, schedulers, models, upscalers] = await Promise.all([
    get("samplers", list(name)),
    get("schedulers", SchedulersSchema),
    get("sd-models", ModelsSchema),
    get("upscalers", list(name)),
  ]);
  return {
    samplers: new Map(samplers.map(({ name }) => [canonical(name), name])),
    schedulers: new Map(
      schedulers
        .filter(({ name }) => !/^automatic$/i.test(name))
        .map(({ name, label }) => [name.toLowerCase(), label ?? name]),
    ),
    models: models.map(({ title, model_name, sha256 }) => ({ title, name: model_name, ...(sha256 ? { sha256 } : {}) })),
    upscalers: upscalers.map(({ name }) => name),
    loaded: options.sd_model_checkpoint || undefined,
  };
}

/** ComfyUI's name of a sampler; one that says its scheduler too ("DPM++ 2M Karras", of older servers) stays what it is. */
function canonical(name: string): string {
  const found = findSampler(name);
  return found === undefined || found.scheduler !== undefined ? name : found.sampler;
}

/** What such a server does with a model. */
export function capabilitiesOf(lists: A1111Lists, model: string | undefined): Capabilities {
  const wanted = model ?? lists.loaded;
  const known = lists.models.find(({ title, name }) => title === wanted || name === wanted);
  const features: Capabilities["features"] = [
    "negativePrompt",
    "promptSyntax",
    "seed",
    "steps",
    "guidanceScale",
    "clipSkip",
    "loras",
    "hires",
    "previewEvery",
    "strength",
    ...(lists.samplers.size > 0 ? ["sampler" as const] : []),
    ...(lists.schedulers.size > 0 ? ["scheduler" as const] : []),
  ];
  return {
    backend: "a1111",
    ...(wanted === undefined
      ? {}
      : { model: { id: known?.title ?? wanted, ...(known?.sha256 ? { hash: `sha256:${known.sha256}` } : {}) } }),
    tasks: ["text-to-image", "image-to-image", "inpaint", ...(lists.upscalers.length > 0 ? ["upscale" as const] : [])],
    features,
    hiresOptions: ["sampler", "scheduler"],
    promptSyntaxes: ["a1111"],
    conditioning: [],
    samplers: [...lists.samplers.keys()],
    schedulers: [...lists.schedulers.keys()],
    outputFormats: ["png", "jpeg", "webp"],
    // Its seeds are 32 bits, its sizes multiples of 8.
    limits: {
      width: { min: 64, max: 2048, multipleOf: 8 },
      height: { min: 64, max: 2048, multipleOf: 8 },
      seed: { min: 0, max: 2 ** 32 - 1 },
      count: { min: 1, max: 64 },
      steps: { min: 1, max: 150 },
    },
    resume: false,
  };
}
