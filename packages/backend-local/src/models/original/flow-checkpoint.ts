import { basename } from "node:path";
import type { Weights } from "../../files/weights.ts";
import { deducedQwen3, deducedQwen3VL, deducedQwen25VL, deducedT5 } from "../deduced/deduced-language.ts";
import { deducedQwenVae21 } from "../deduced/deduced-qwen-vae-21.ts";
import { deducedText, inPlace } from "../deduced/deduced-text.ts";
import { deducedQwenVae, deducedVae } from "../deduced/deduced-vae.ts";
import type { PartName, RecognisedModel, RecognisedPart } from "../recognised-model.ts";
import type { FoundFlow } from "./flow-kinds.ts";
import { languageModel, t5Encoder } from "./original-language-model.ts";
import { clipText } from "./original-text.ts";
import { originalVae } from "./original-vae.ts";
import { originalQwenVae21, originalWanVae } from "./original-wan-vae.ts";
import type { Source } from "./renaming.ts";

const vaePrefixes = ["vae.", "first_stage_model."];

/** The model around a flow's transformer, with what else of it the file holds. @throws ModelError */
export function readFlow(weights: Weights, { kind, weights: transformer }: FoundFlow): RecognisedModel {
  const config = kind.deduce(transformer);
  const around = kind.around(config, weights.source);
  const parts: Partial<Record<PartName, RecognisedPart>> = { transformer: { config, weights: transformer } };
  for (const [part, places] of Object.entries(kind.texts)) {
    const prefix = places.find((place) => hasAny(weights, place));
    if (prefix !== undefined) parts[part as PartName] = inPlace(part, textOf({ weights, prefix }));
  }
  const prefix = vaePrefixes.find((each) => hasAny(weights, each));
  if (prefix !== undefined) {
    const [read, deduced] = vaeReaders(weights, prefix);
    const vae = read({ weights, prefix });
    parts.vae = { config: { ...deduced(vae), ...around.latents }, weights: vae };
  }
  return { ...around, parts };
}

/** What reads a VAE, by its names, and what tells its config. */
function vaeReaders(weights: Weights, prefix: string) {
  if (hasAny(weights, `${prefix}decoder.upsamples.0.upsamples.`)) return [originalQwenVae21, deducedQwenVae21] as const;
  if (hasAny(weights, `${prefix}decoder.middle.`)) return [originalWanVae, deducedQwenVae] as const;
  return [originalVae, deducedVae] as const;
}

/** Where language models have their layers. */
const places = ["", "model.", "model.language_model.", "language_model.model.", "language_model."];

/** A text encoder of any kind that flows have, by the names of its tensors. */
export function textOf(source: Source): RecognisedPart {
  const { weights, prefix } = source;
  const has = (start: string) => hasAny(weights, `${prefix}${start}`);
  if (has("encoder.block.") || has("enc.blk.")) {
    const t5 = t5Encoder(source);
    return { config: deducedT5(t5), weights: t5 };
  }
  if (places.some((place) => has(`${place}layers.0.self_attn.q_norm`)) || has("blk.0.attn_q_norm")) {
    const qwen = languageModel(source);
    const seesPictures =
      has("visual.") ||
      has("model.visual.") ||
      weights.metadata?.["general.architecture"] === "qwen3vl" ||
      // Where what sees was left out, only its name tells.
      /qwen[-_. ]?3[-_. ]?vl/i.test(basename(weights.source));
    return { config: (seesPictures ? deducedQwen3VL : deducedQwen3)(qwen), weights: qwen };
  }
  if (places.some((place) => has(`${place}layers.0.self_attn.q_proj.bias`)) || has("blk.0.attn_q.bias")) {
    const qwen = languageModel(source);
    return { config: deducedQwen25VL(qwen), weights: qwen };
  }
  const clip = clipText(source);
  return { config: deducedText(clip), weights: clip };
}

function hasAny(weights: Weights, prefix: string): boolean {
  for (const name of weights.names()) if (name.startsWith(prefix)) return true;
  return false;
}
