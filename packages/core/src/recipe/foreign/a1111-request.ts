import { readSamplerOptions, samplerOptions } from "../../diffusion/sampler-options.ts";
import type { SamplerName } from "../../diffusion/samplers.ts";
import { readSchedulerOptions, schedulerOptions } from "../../diffusion/scheduler-options.ts";
import type { SchedulerName } from "../../diffusion/schedulers.ts";
import { noiseFromParameters } from "../a1111-noise.ts";
import type { RecipeNote } from "../recipe-note.ts";
import { namesOf } from "./a1111-sampler.ts";
import { withoutFirstPass } from "./first-pass.ts";
import { hiresOf } from "./hires.ts";
import { takeLoraTags } from "./lora-tags.ts";
import type { ParametersText } from "./parameters-text.ts";
import { promptSyntaxOf } from "./prompt-syntax.ts";
import { TakenSettings } from "./taken-settings.ts";
import type { Fields } from "./valid-request.ts";

/** Settings that say nothing of the pixels, or that other settings say. */
const idle = [
  "Version",
  "User",
  "Model",
  "Model hash",
  "Lora hashes",
  "Lora weights",
  "Batch size",
  "Batch pos",
  "Created Date",
  "Raw prompt",
  "Raw negative prompt",
  "Parser",
  "Comment",
];

const samplerSettings = [
  ["Eta", "eta"],
  ["Eta DDIM", "eta"],
  ["Sigma churn", "sChurn"],
  ["Sigma tmin", "sTmin"],
  ["Sigma tmax", "sTmax"],
  ["Sigma noise", "sNoise"],
  ["UniPC order", "order"],
] as const;

const schedulerSettings = [
  ["Schedule min sigma", "sigmaMin"],
  ["Schedule max sigma", "sigmaMax"],
  ["Schedule rho", "rho"],
  ["Beta schedule alpha", "alpha"],
  ["Beta schedule beta", "beta"],
] as const;

/**
 * What a `parameters` text in A1111's words asks for: the request's fields, not validated, and what they leave out. Whoever wrote the text
 * reads its prompts in `language`.
 */
export function requestFromParameters(
  text: ParametersText,
  language: "a1111" | "comfyui" = "a1111",
): { fields: Fields; notes: RecipeNote[] } {
  const settings = new TakenSettings(withoutFirstPass(text.settings));
  const isOurs = text.settings.get("Version")?.startsWith("LatentKit") ?? false;
  const tags = takeLoraTags(text.prompt);
  const size = /^(\d+)x(\d+)$/.exec(settings.take("Size") ?? "");
  const fields: Fields = {
    prompt: tags.prompt,
    negativePrompt: text.negativePrompt || undefined,
    steps: settings.number("Steps", "steps"),
    guidanceScale: guidanceOf(settings),
    seed: seedOf(settings),
    width: size ? Number(size[1]) : undefined,
    height: size ? Number(size[2]) : undefined,
    clipSkip: clipSkipOf(settings),
    loras: tags.loras.length > 0 ? tags.loras : undefined,
    ...namesOf(settings),
    noise: noiseFromParameters(settings, isOurs),
  };
  fields.hires = hiresOf(settings, fields);
  fields.samplerOptions = optionsOf(settings, fields.sampler, samplerSettings, samplerOptions, (values) =>
    readSamplerOptions(fields.sampler as SamplerName, values),
  );
  fields.schedulerOptions = optionsOf(settings, fields.scheduler, schedulerSettings, schedulerOptions, (values) =>
    readSchedulerOptions(fields.scheduler as SchedulerName, values),
  );
  settings.take(...idle);
  noteImage(settings);
  const syntax = isOurs
    ? {}
    : promptSyntaxOf(language, [tags.prompt, text.negativePrompt], (why) => settings.note("prompt", undefined, why));
  const defined = Object.entries({ ...fields, ...syntax }).filter(([, value]) => value !== undefined);
  return { fields: Object.fromEntries(defined), notes: [...tags.notes, ...settings.leftover()] };
}

/** Of Flux and its kin Forge writes two scales: the one that the model was distilled with is the guidance, where the other does nothing. */
function guidanceOf(settings: TakenSettings): number | undefined {
  const scale = settings.number("CFG scale", "guidanceScale");
  if (scale !== undefined && scale !== 1) return scale;
  return settings.number("Distilled CFG Scale", "guidanceScale") ?? scale;
}

function seedOf(settings: TakenSettings): string | undefined {
  const seed = settings.take("Seed");
  if (seed === undefined || /^\d+$/.test(seed)) return seed;
  settings.note("seed", seed, "is no seed that can be drawn with; another is drawn");
  return undefined;
}

/** 1, and SD.Next's 0, are none. */
function clipSkipOf(settings: TakenSettings): number | undefined {
  const layers = settings.number("Clip skip", "clipSkip");
  return layers === 0 ? undefined : layers;
}

/** Options that the sampler or scheduler takes; the others are noted. */
function optionsOf(
  settings: TakenSettings,
  owner: unknown,
  table: readonly (readonly [label: string, option: string])[],
  specs: Readonly<Record<string, object>>,
  check: (values: Fields) => unknown,
): Fields | undefined {
  const known = typeof owner === "string" && Object.hasOwn(specs, owner) ? specs[owner]! : {};
  let values: Fields = {};
  for (const [label, option] of table) {
    const value = settings.peek(label);
    if (value === undefined || value === "" || Number.isNaN(Number(value)) || !Object.hasOwn(known, option)) continue;
    try {
      check({ ...values, [option]: Number(value) });
      values = { ...values, [option]: Number(value) };
      settings.take(label);
    } catch {
      // Out of the option's range, or idle without another: it stays, and is noted with all else that was not taken.
    }
  }
  return Object.keys(values).length > 0 ? values : undefined;
}

/** Image-to-image begins with a picture that no text holds. */
function noteImage(settings: TakenSettings): void {
  const strength = settings.take("Denoising strength");
  if (strength === undefined) return;
  const words =
    "the picture was made from another one, which the file doesn't hold: give that as image, with this strength";
  settings.note("strength", strength, words);
}
