import { JsonSettings, parseJsonObject } from "./json-settings.ts";
import type { ForeignSettings } from "./read-parameters.ts";
import { type Fields, keepValid } from "./valid-request.ts";

/** Its schedulers, which are diffusers' classes; with `_k` at the end they use Karras' levels. */
const schedulers: Readonly<Record<string, Fields>> = {
  ddim: { sampler: "ddim" },
  ddpm: { sampler: "ddpm" },
  deis: { sampler: "deis" },
  lms: { sampler: "lms" },
  pndm: { sampler: "pndm" },
  heun: { sampler: "heun" },
  euler: { sampler: "euler" },
  euler_a: { sampler: "euler_ancestral" },
  kdpm_2: { sampler: "dpm_2" },
  kdpm_2_a: { sampler: "dpm_2_ancestral" },
  dpmpp_2s: { sampler: "dpm_solver_singlestep" },
  dpmpp_2m: { sampler: "dpmpp_2m" },
  dpmpp_2m_sde: { sampler: "dpmpp_2m_sde" },
  dpmpp_3m: { sampler: "dpm_solver_multistep", samplerOptions: { order: 3 } },
  dpmpp_sde: { sampler: "dpmpp_sde" },
  er_sde: { sampler: "er_sde" },
  unipc: { sampler: "uni_pc_bh2" },
  lcm: { sampler: "lcm" },
  tcd: { sampler: "tcd" },
};

const idle = ["app_version", "created_by", "metadata_version", "model", "generation_mode", "rand_device"];

/** InvokeAI's `invokeai_metadata`. It skips 0 text encoder layers where A1111 says 1. */
export function readInvokeAi(text: string): ForeignSettings | undefined {
  const object = parseJsonObject(text);
  if (object === undefined || !("positive_prompt" in object || "generation_mode" in object)) return undefined;
  const settings = new JsonSettings(object);
  const clipSkip = settings.number("clip_skip") ?? 0;
  const rescale = settings.number("cfg_rescale_multiplier") ?? 0;
  const fields: Fields = {
    prompt: settings.text("positive_prompt") ?? "",
    negativePrompt: settings.text("negative_prompt"),
    steps: settings.number("steps"),
    // FLUX has the scale that it was distilled with instead.
    guidanceScale: settings.number("cfg_scale") ?? settings.number("guidance"),
    seed: settings.take("seed"),
    width: settings.number("width"),
    height: settings.number("height"),
    clipSkip: clipSkip > 0 ? clipSkip + 1 : undefined,
    guidance: rescale > 0 ? { rescale } : undefined,
    loras: lorasOf(settings),
    noise: { convention: "diffusers", source: object.rand_device === "cuda" ? "nv" : "torch-cpu" },
    ...schedulerOf(settings),
  };
  noteImage(settings, object);
  notePrompts(settings, [fields.prompt, fields.negativePrompt]);
  noteNoise(settings, object);
  settings.ignore(...idle);
  const valid = keepValid(Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)));
  return {
    tool: "invokeai",
    fields: valid.fields,
    ...modelOf(object.model),
    notes: [...settings.leftover(), ...valid.notes],
  };
}

function schedulerOf(settings: JsonSettings): Fields {
  const name = settings.text("scheduler");
  if (name === undefined) return {};
  const isKarras = name.endsWith("_k");
  const base = isKarras ? name.slice(0, -2) : name;
  if (!Object.hasOwn(schedulers, base)) return { sampler: name };
  return { ...schedulers[base], ...(isKarras ? { scheduler: "karras" } : {}) };
}

/** `model` is the identifier today; it was `lora` before, with the name in different places. */
function lorasOf(settings: JsonSettings): object[] | undefined {
  const loras = settings.list("loras").flatMap((entry) => {
    const { model, lora, weight } = (entry ?? {}) as { model?: unknown; lora?: unknown; weight?: unknown };
    const name = nameOf(model ?? lora);
    return name === undefined ? [] : [{ model: name, strength: typeof weight === "number" ? weight : 1 }];
  });
  return loras.length > 0 ? loras : undefined;
}

function noteImage(settings: JsonSettings, object: Record<string, unknown>): void {
  const mode = typeof object.generation_mode === "string" ? object.generation_mode : "";
  const strength = settings.take("strength");
  const image = settings.take("init_image");
  if (/img2img|inpaint|outpaint/.test(mode) || image !== undefined) {
    const words =
      "the picture was made from another one, which the file doesn't hold: give that as image, with this strength";
    settings.note("strength", strength ?? "", words);
  }
}

/** Compel's weights (`word++`, `(two words)1.2`) and its `.and()`, `.blend()`, `.swap()`, which no language here reads. */
const compel = /[\w")][+-]+(?=[\s,.)]|$)|\)\d*\.?\d|\)\.(?:and|blend)\(|\.swap\(/;

function notePrompts(settings: JsonSettings, prompts: readonly unknown[]): void {
  for (const prompt of prompts)
    if (typeof prompt === "string" && compel.test(prompt))
      settings.note("prompt", prompt, "has weights or functions of InvokeAI's, which are read as plain words here");
}

function noteNoise(settings: JsonSettings, { rand_device: device, scheduler }: Record<string, unknown>): void {
  if (typeof device === "string" && !["cpu", "cuda"].includes(device))
    settings.note("rand_device", device, "its noise can't be made here; the processor's is taken");
  if (typeof scheduler === "string" && scheduler.startsWith("dpmpp_sde"))
    settings.note(
      "scheduler",
      scheduler,
      "its own noise is always that of seed 0 there, and the request's seed's here",
    );
}

function nameOf(model: unknown): string | undefined {
  if (typeof model === "string") return model;
  const { name, model_name, key } = (model ?? {}) as Record<string, unknown>;
  return [name, model_name, key].find((value) => typeof value === "string") as string | undefined;
}

function modelOf(model: unknown): Pick<ForeignSettings, "model"> {
  const id = nameOf(model);
  const hash = (model as { hash?: unknown } | undefined)?.hash;
  return id === undefined ? {} : { model: { id, ...(typeof hash === "string" ? { hash } : {}) } };
}
