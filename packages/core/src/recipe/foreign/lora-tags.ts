import type { RecipeNote } from "../recipe-note.ts";

/** A LoRA as a request has it. */
export interface TaggedLora {
  model: string;
  strength: number;
  textEncoderStrength?: number;
}

/**
 * Takes `<lora:name:strength>` out of a prompt, as A1111 and those after it do: the first number is the text encoder's strength and, where
 * there is no second, the unet's too; `te=` and `unet=` name them.
 */
export function takeLoraTags(prompt: string): { prompt: string; loras: TaggedLora[]; notes: RecipeNote[] } {
  const loras: TaggedLora[] = [];
  const notes: RecipeNote[] = [];
  const rest = prompt.replace(/<(\w+):([^<>]+)>/g, (tag, kind: string, text: string) => {
    const lora = kind === "lora" || kind === "lyco" ? loraOf(text) : undefined;
    if (lora !== undefined) loras.push(lora);
    else notes.push({ field: "prompt", value: tag, message: `${tag} has no counterpart in a request and is left out` });
    return "";
  });
  return { prompt: loras.length + notes.length > 0 ? rest.trim() : prompt, loras, notes };
}

function loraOf(text: string): TaggedLora | undefined {
  const [model = "", ...others] = text.split(":").map((part) => part.trim());
  const named = new Map(
    others.filter((part) => part.includes("=")).map((part) => part.split("=", 2) as [string, string]),
  );
  const [first, second] = others.filter((part) => !part.includes("=")).map(Number);
  const te = numberOf(named.get("te")) ?? first ?? 1;
  const unet = numberOf(named.get("unet")) ?? second ?? te;
  if (model === "" || Number.isNaN(te) || Number.isNaN(unet)) return undefined;
  return { model, strength: unet, ...(te === unet ? {} : { textEncoderStrength: te }) };
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
