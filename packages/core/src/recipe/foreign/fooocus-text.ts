import type { ParametersText } from "./parameters-text.ts";
import type { Translated } from "./read-parameters.ts";
import { renamed } from "./renamed-settings.ts";

/** Fooocus' other scheme: A1111's words, with its own settings among them. Its samplers and noise are ComfyUI's. */
export function fromFooocusText(text: ParametersText): Translated {
  const settings = renamed(text.settings, { Scheduler: "Schedule type", Performance: undefined, Styles: undefined });
  // The sampler's name says the schedule too, and only where it has a label.
  settings.set("Sampler", (settings.get("Sampler") ?? "").replace(/ Karras$/, ""));
  const loras = (text.settings.get("Lora weights") ?? "").split(", ").flatMap((entry) => {
    const [, model, strength] = /^(.+): (-?[\d.]+)$/.exec(entry) ?? [];
    return model === undefined ? [] : [{ model, strength: Number(strength) }];
  });
  return {
    text: { ...text, settings },
    fields: {
      noise: { convention: "comfyui", source: "torch-cpu" },
      ...(loras.length > 0 ? { loras } : {}),
    },
  };
}
