import type { RecipeNote } from "../recipe-note.ts";
import type { ParametersText } from "./parameters-text.ts";
import type { Translated } from "./read-parameters.ts";
import { renamed } from "./renamed-settings.ts";

const names = {
  "CLiP-skip": "Clip skip",
  "Variation strength": "Variation seed strength",
  "Sampler eta delta": "ENSD",
  "Hires scale": "Hires upscale",
  "Hires strength": "Denoising strength",
  "Hires fixed": "Hires resize",
  "Hires size": undefined,
  "Hires force": undefined,
  "CFG rescale": undefined,
  App: undefined,
  Backend: undefined,
  Pipeline: undefined,
  Operations: undefined,
  Scheduler: undefined,
  Batch: undefined,
  Index: undefined,
  Refine: undefined,
};

const noSecondPass = { "Hires scale": undefined, "Hires fixed": undefined, "Hires upscaler": undefined };

/** It samples a second time only where it says with how many steps; else it enlarges the picture, and no more. */
function enlargedOnly(settings: ReadonlyMap<string, string>): string | undefined {
  const samples = ["Hires steps", "Hires strength", "Denoising strength"].some((key) => settings.has(key));
  return samples ? undefined : (settings.get("Hires scale") ?? settings.get("Hires fixed"));
}

/** SD.Next runs diffusers' schedulers; its noise is drawn on the device, and only a varied seed is A1111's. */
export function fromSdNext(text: ParametersText): Translated {
  const { settings } = text;
  const operations = settings.get("Operations") ?? "txt2img";
  const notes: RecipeNote[] = operations
    .split(/[;,] ?/)
    .filter((name) => !["txt2img", "none", "hires"].includes(name))
    .map((name) => ({ field: "task", value: name, message: `${name}: was done beside and is not followed` }));
  const only = enlargedOnly(settings);
  if (only !== undefined)
    notes.push({
      field: "hires",
      value: only,
      message: `${only}: was enlarged without a second pass, which is not followed`,
    });
  const told = only === undefined ? names : { ...names, ...noSecondPass };
  const rescale = Number(settings.get("CFG rescale") ?? 0);
  const varies = ["Variation seed", "Sampler eta delta", "Seed resize from"].some((key) => settings.has(key));
  return {
    text: { ...text, settings: renamed(settings, told) },
    fields: {
      ...(varies ? {} : { noise: { convention: "diffusers", source: "nv" } }),
      ...(rescale > 0 && rescale <= 1 ? { guidance: { rescale } } : {}),
    },
    notes,
  };
}
