import type { GenerationRequest, WarningEvent } from "@latentkit/core";
import type { LoadedModel } from "../engine/loaded-model.ts";
import type { NetworkChoice, OpenModel } from "../families/family.ts";
import { withLoras } from "./lora/lora-model.ts";
import { withEmbeddings } from "./textual-inversion/embedded-model.ts";

/** A model as a family sees it, with adapters in its networks. */
export interface AdaptedModel extends OpenModel {
  readonly warnings: readonly WarningEvent[];
  /** A choice of network, as it is loaded. */
  chosen(choice: NetworkChoice): NetworkChoice;
}

/** A model with a request's LoRAs and textual inversions. @throws InvalidRequestError, ModelError */
export async function adaptedModel(
  model: LoadedModel,
  { loras, embeddings }: Pick<GenerationRequest, "loras" | "embeddings">,
): Promise<AdaptedModel> {
  return withEmbeddings(await withLoras(model, loras), embeddings);
}
