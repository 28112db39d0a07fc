import type { RecipeNote } from "../recipe-note.ts";
import type { ParametersText } from "./parameters-text.ts";
import type { Translated } from "./read-parameters.ts";
import { renamed } from "./renamed-settings.ts";

/** Fooocus' other scheme: A1111's words, with its own settings among them. Its samplers, noise and prompts are ComfyUI's. */
export function fromFooocusText(text: ParametersText): Translated {
  const isOwnVae = text.settings.get("VAE") === "Default (model)";
  const settings = renamed(text.settings, {
    ...{ Scheduler: "Schedule type", Performance: undefined, Styles: undefined },
    ...(isOwnVae ? { VAE: undefined } : {}),
  });
  const [typed, made] = [text.settings.get("Raw prompt"), text.prompt];
  // The sampler's name says the schedule too, and only where it has a label.
  settings.set("Sampler", (settings.get("Sampler") ?? "").replace(/ Karras$/, ""));
  const loras = (text.settings.get("Lora weights") ?? "").split(", ").flatMap((entry) => {
    const [, model, strength] = /^(.+): (-?[\d.]+)$/.exec(entry) ?? [];
    return model === undefined ? [] : [{ model, strength: Number(strength) }];
  });
  return {
    text: { ...text, settings },
    language: "comfyui",
    ...(typed === undefined || typed === made ? {} : { notes: [styled(typed)] }),
    fields: {
      noise: { convention: "comfyui", source: "torch-cpu" },
      ...(loras.length > 0 ? { loras } : {}),
    },
  };
}

/** Each text that a style or the expansion made is encoded by itself there, and the file has them joined. */
function styled(value: string): RecipeNote {
  const message =
    "its styles made texts of the prompt that was typed, each encoded by itself; the request has them joined";
  return { field: "prompt", value, message };
}
