import type { GenerationRequest } from "@latentkit/core";
import type { Model } from "../models/model.ts";
import { findLoras } from "./lora/find-loras.ts";
import { findEmbeddings } from "./textual-inversion/find-embeddings.ts";

/** Where adapters lie that a request calls by their names alone. */
export interface AdapterFolders {
  loraFolder?: string | undefined;
  embeddingFolder?: string | undefined;
}

/** A request whose adapters are found and held against the model: by absolute paths. @throws InvalidRequestError */
export async function findAdapters(
  request: GenerationRequest,
  { loraFolder, embeddingFolder }: AdapterFolders,
  model: Model,
): Promise<GenerationRequest> {
  return findEmbeddings(await findLoras(request, loraFolder), embeddingFolder, model);
}
