import { nearest, type WarningEvent } from "@latentkit/core";
import { familyOf } from "../families/families.ts";
import type { Model } from "./model.ts";

/** What is known of a request before it runs. */
export interface Expected {
  prompt: string;
  width: number;
  height: number;
}

/** Words that bind others: what they mean is seen from those. */
const binding =
  /^(a|an|the|and|or|of|to|from|by|for|at|as|is|are|be|it|its|that|this|these|my|your|his|her|our|their|with|some)$/;

/** As much larger or smaller than the pictures that a model was trained on may one be without a warning, in pixels in all. */
const areaFactor = 2;
/** As much longer may one side be than the other. */
const longest = 2.5;

/**
 * What a model cannot be expected to draw: sizes that it wasn't trained at, what a text encoder would read that was not found, and, of the embedded one,
 * words that it doesn't know. Such a request runs; its picture would puzzle who does not know.
 */
export async function expectationWarnings(model: Model, expected: Expected): Promise<WarningEvent[]> {
  if (model.traits.atOnce) return [];
  // A program that is bundled with a model of its own may have left the embedded one out.
  const embedded = await import("@latentkit/tiny-model").catch(() => undefined);
  if (embedded === undefined || model.path !== embedded.modelPath)
    return [...lackWarnings(model), ...sizeWarning(expected, model)];
  const { readVocabulary, nearWords } = embedded;
  const { words, objects, side } = await readVocabulary();
  const unknown = unknownWords(expected.prompt, words);
  const text = (message: string, code: string, field: string): WarningEvent => ({
    type: "warning",
    code,
    field,
    message,
  });
  const warnings: WarningEvent[] = [];
  if (unknown.length > 0) {
    const told = unknown.slice(0, 8).map((word) => {
      const near = [...new Set([...nearWords(word), ...nearest(word, words)])].slice(0, 3);
      return near.length === 0 ? `"${word}"` : `"${word}" (it knows ${near.join(", ")})`;
    });
    if (unknown.length > 8) told.push(`${unknown.length - 8} more`);
    const draws = `It draws ${objects.length} things, such as ${objects.filter((_, i) => i % 5 === 0).join(", ")}`;
    const message = `prompt: the embedded model does not know ${told.join(", ")}. ${draws}; other models draw more`;
    warnings.push(text(message, "prompt_unknown_words", "prompt"));
  }
  if (expected.width !== side || expected.height !== side) {
    const message = `width, height: the embedded model was trained on pictures of ${side}×${side} alone; at ${expected.width}×${expected.height} its drawings fall apart or repeat`;
    warnings.push(text(message, "size_untrained", expected.width === side ? "height" : "width"));
  }
  return warnings;
}

/** A prompt's words that are not among those that are known, each once. Punctuation and numbers are none. */
function unknownWords(prompt: string, known: readonly string[]): string[] {
  // What a prompt's syntax says, rather than draws, is left out: ComfyUI's embeddings, A1111's networks and its BREAK.
  const plain = prompt.replace(/embedding:\S+|<[\w-]+:[^>]*>|\bBREAK\b/g, " ");
  const words = plain.toLowerCase().match(/[\p{L}\p{M}\p{N}]+(?:['’][\p{L}]+)?/gu) ?? [];
  return [...new Set(words)].filter((word) => !known.includes(word) && !binding.test(word) && !/^\p{N}+$/u.test(word));
}

/** Of text encoders: what draws without one draws another picture, though no prompt is cut. */
function lackWarnings({ lacks = [], path, family }: Model): WarningEvent[] {
  return lacks.map((name) => {
    const kinds = familyOf({ family, path }).parts[name]!.classes.join(", ");
    const message = `prompt: no ${name} (${kinds}) was found for ${path}: less of the prompt is read, and the picture is another; local({ parts: { ${name}: "path/to/file.safetensors" } }) names one`;
    return { type: "warning", code: "part_missing", field: "prompt", message };
  });
}

function sizeWarning({ width, height }: Expected, { traits }: Model): WarningEvent[] {
  const { defaultWidth, defaultHeight } = traits;
  const factor = (width * height) / (defaultWidth * defaultHeight);
  const ratio =
    Math.max(width / height, height / width) / Math.max(defaultWidth / defaultHeight, defaultHeight / defaultWidth);
  if (factor <= areaFactor && factor >= 1 / areaFactor && ratio <= longest) return [];
  const message = `width, height: this model was trained at about ${defaultWidth}×${defaultHeight}; at ${width}×${height} pictures may repeat, stretch or fall apart`;
  return [{ type: "warning", code: "size_untrained", field: "width", message }];
}
