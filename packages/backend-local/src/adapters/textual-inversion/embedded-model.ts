import { createHash } from "node:crypto";
import { readTensor } from "../../files/read-tensor.ts";
import { networkOf } from "../../models/build-network.ts";
import { partOf } from "../../models/model.ts";
import { clipTextConfig } from "../../networks/clip-text/clip-text-config.ts";
import type { PromptEmbedding } from "../../prompts/prompt-embedding.ts";
import type { AdaptedModel } from "../adapted-model.ts";
import { readEmbedding, sizeOf, vectorsFor } from "./embedding-file.ts";
import { textEncodersOf } from "./find-embeddings.ts";

/** A textual inversion of a request, its file's path absolute. */
export interface EmbeddingRequest {
  readonly model: string;
  readonly token?: string | undefined;
}

/** What one text encoder is given: words for its tokenizer, and their vectors, one after the other. */
interface EncoderVectors {
  words: PromptEmbedding[];
  data: Float32Array;
  width: number;
}

/**
 * A model whose prompts may call textual inversions: its tokenizers know their words, and its text encoders are fed their vectors. With
 * none it is the model as it is.
 *
 * @throws ModelError
 */
export async function withEmbeddings(
  model: AdaptedModel,
  embeddings: readonly EmbeddingRequest[],
): Promise<AdaptedModel> {
  if (embeddings.length === 0) return model;
  const encoders = textEncodersOf(model.model);
  const vectors = new Map<string, EncoderVectors>();
  for (const encoder of encoders) vectors.set(encoder, await vectorsOf(embeddings, encoder, encoders));
  const chosen: AdaptedModel["chosen"] = (choice) => {
    const own = model.chosen(choice);
    return vectors.has(networkOf(own)) ? { ...asVariant(own), vectors: true } : own;
  };
  return {
    ...model,
    chosen,
    async tokenizer(name) {
      const encoder = name.replace("tokenizer", "textEncoder");
      const { vocab_size: first } = clipTextConfig(partOf(model.model, encoder).config);
      return (await model.tokenizer(name)).withEmbeddings(vectors.get(encoder)?.words ?? [], first);
    },
    async network(choice) {
      const own = vectors.get(networkOf(choice));
      if (own === undefined) return model.network(choice);
      const network = await model.network({ ...asVariant(choice), vectors: true });
      const rows = own.data.length / own.width;
      return network.feeding({ vectors: new model.runtime.Tensor("float32", own.data, [rows, own.width]) });
    },
  };
}

function asVariant(choice: ReturnType<AdaptedModel["chosen"]>) {
  return typeof choice === "string" ? { network: choice } : choice;
}

async function vectorsOf(
  embeddings: readonly EmbeddingRequest[],
  encoder: string,
  encoders: readonly string[],
): Promise<EncoderVectors> {
  const words: PromptEmbedding[] = [];
  const parts: Float32Array[] = [];
  let width = 1;
  for (const { model: path, token } of embeddings) {
    const file = await readEmbedding(path);
    const tensor = vectorsFor(file, encoder, encoders)!;
    const data = await readTensor(tensor);
    width = sizeOf(tensor).width;
    const stamp = createHash("sha256").update(data).digest("hex");
    words.push({ token: token ?? file.token, count: data.length / width, stamp });
    parts.push(data);
  }
  const data = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return { words, data, width };
}
