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

/** SD.Next runs diffusers' schedulers; its noise is drawn on the device, and only a varied seed is A1111's. */
export function fromSdNext(text: ParametersText): Translated {
  const { settings } = text;
  const operations = settings.get("Operations") ?? "txt2img";
  const notes: RecipeNote[] = operations
    .split(/[;,] ?/)
    .filter((name) => !["txt2img", "none", "hires"].includes(name))
    .map((name) => ({ field: "task", value: name, message: `${name}: was done beside and is not followed` }));
  const rescale = Number(settings.get("CFG rescale") ?? 0);
  const varies = ["Variation seed", "Sampler eta delta", "Seed resize from"].some((key) => settings.has(key));
  return {
    text: { ...text, settings: renamed(settings, names) },
    fields: {
      ...(varies ? {} : { noise: { convention: "diffusers", source: "nv" } }),
      ...(rescale > 0 && rescale <= 1 ? { guidance: { rescale } } : {}),
    },
    notes,
  };
}
