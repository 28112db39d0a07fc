import type { ModelParts } from "../../models/model.ts";

/** Layers of the text encoder whose states are shown to the published transformers. */
const published = [2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 32, 35];

/** Layers of the text encoder whose states are shown to the transformer, as a model_index.json says. */
export function selectedLayers(index: Readonly<Record<string, unknown>> | undefined): readonly number[] {
  return (index?.text_encoder_select_layers as readonly number[] | null | undefined) ?? published;
}

/** Whether a model is Turbo, drawing in a few steps without guidance. */
export function isDistilled({ index, pipeline }: Pick<ModelParts, "index" | "pipeline">): boolean {
  return index.is_distilled === true || pipeline === "Krea2TurboModularPipeline";
}
