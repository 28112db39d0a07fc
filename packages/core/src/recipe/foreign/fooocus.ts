import { JsonSettings, parseJsonObject, textOf } from "./json-settings.ts";
import { promptSyntaxOf } from "./prompt-syntax.ts";
import type { ForeignSettings } from "./read-parameters.ts";
import { keepValid } from "./valid-request.ts";

/** What says nothing of the pixels, or is said by another setting. */
const idle = [
  "performance",
  "metadata_scheme",
  "version",
  "created_by",
  "base_model",
  "base_model_hash",
  "refiner_model_hash",
  "full_prompt",
  "full_negative_prompt",
  "loras",
];

/**
 * Fooocus' JSON (its `fooocus` scheme). The prompt is the one that was typed: what its styles and its expansion made of it is in a note.
 * Samplers, schedulers and noise are ComfyUI's.
 */
export function readFooocus(text: string): ForeignSettings | undefined {
  const object = parseJsonObject(text);
  const isFooocus = object !== undefined && "prompt" in object && ("base_model" in object || "resolution" in object);
  if (!isFooocus) return undefined;
  const settings = new JsonSettings(object);
  const [, width, height] = /^\((\d+), ?(\d+)\)$/.exec(settings.text("resolution") ?? "") ?? [];
  const refiner = settings.text("refiner_model");
  if (refiner !== undefined && refiner !== "None")
    settings.note("refiner_model", refiner, "a second model is not followed");
  const styled = ["full_prompt", "styles", "prompt_expansion"].map((key) => object[key]);
  noteStyles(settings, object.prompt, styled);
  const steps = settings.number("steps");
  const fields = {
    prompt: settings.text("prompt") ?? "",
    negativePrompt: settings.text("negative_prompt"),
    steps: steps === -1 ? undefined : steps,
    guidanceScale: settings.number("guidance_scale"),
    seed: settings.take("seed"),
    width: width === undefined ? undefined : Number(width),
    height: height === undefined ? undefined : Number(height),
    sampler: settings.text("sampler"),
    scheduler: settings.text("scheduler"),
    clipSkip: settings.number("clip_skip"),
    loras: lorasOf(settings, object),
    noise: { convention: "comfyui", source: "torch-cpu" },
  };
  const syntax = promptSyntaxOf("comfyui", [fields.prompt, fields.negativePrompt], (why) =>
    settings.notes.push({ field: "prompt", message: why }),
  );
  settings.ignore(...idle, "refiner_switch");
  if (settings.has("vae") && object.vae === "Default (model)") settings.ignore("vae");
  const valid = keepValid(
    Object.fromEntries(Object.entries({ ...fields, ...syntax }).filter(([, value]) => value !== undefined)),
  );
  const { base_model: id, base_model_hash: hash } = object;
  return {
    tool: "fooocus",
    fields: valid.fields,
    ...(typeof id === "string" ? { model: { id, ...(typeof hash === "string" ? { hash } : {}) } } : {}),
    notes: [...settings.leftover(), ...valid.notes],
  };
}

/** Styles and the expansion add to the prompt, and each text is encoded by itself. */
function noteStyles(settings: JsonSettings, prompt: unknown, [full, styles, expansion]: unknown[]): void {
  settings.ignore("styles", "prompt_expansion");
  const isPlain = !Array.isArray(full) || (full.length === 1 && full[0] === prompt);
  if (!isPlain) {
    const words = "is what its styles made of the prompt; the request has the prompt as it was typed";
    settings.note("prompt", full.map(textOf).join(", "), words);
  } else if (typeof styles === "string" && styles !== "[]") settings.note("prompt", styles, "styles are not followed");
  else if (typeof expansion === "string" && expansion !== "") settings.note("prompt", expansion, "is not followed");
}

/** `name : weight`, or in newer versions `enabled : name : weight`; the list is what was written last. */
function lorasOf(settings: JsonSettings, object: Record<string, unknown>): object[] | undefined {
  const loras = Object.keys(object)
    .filter((key) => key.startsWith("lora_combined_"))
    .flatMap((key) => {
      const parts = (settings.text(key) ?? "").split(" : ");
      const [enabled, model, strength] = parts.length === 3 ? parts : ["True", ...parts];
      return enabled === "True" && model && model !== "None" && !Number.isNaN(Number(strength))
        ? [{ model, strength: Number(strength) }]
        : [];
    });
  return loras.length > 0 ? loras : undefined;
}
