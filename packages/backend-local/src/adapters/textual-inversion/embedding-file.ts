import { basename, extname } from "node:path";
import { modelError } from "../../files/model-error.ts";
import { readSafetensors, type WeightTensor } from "../../files/safetensors.ts";
import { refusePickle } from "../../files/weights.ts";

/** A textual inversion (Gal et al. 2022, https://arxiv.org/abs/2208.01618): vectors that stand where a word of a prompt stands. */
export interface EmbeddingFile {
  path: string;
  /** The word that the file itself is for: diffusers' key, else the file's name as A1111 and ComfyUI have it. */
  token: string;
  /** `[width]` or `[vectors, width]` by text encoder; `any` fits a model that has one. */
  vectors: Readonly<Partial<Record<"any" | "textEncoder" | "textEncoder2", WeightTensor>>>;
}

/** Most vectors: what a text encoder of 77 tokens has room for. */
const maxVectors = 75;

/**
 * Reads the header of a textual inversion: A1111's (`emb_params`), diffusers' (a tensor under its token), or Stable Diffusion XL's
 * (`clip_l` and `clip_g`).
 *
 * @throws {@link ModelError} for a pickle, and for a file that is none.
 */
export async function readEmbedding(path: string): Promise<EmbeddingFile> {
  refusePickle(path);
  const { tensors } = await readSafetensors(path);
  const fail = (message: string) => modelError("unsupported", `${path} ${message}`, { file: path });
  const name = basename(path, extname(path));
  const checked = (tensor: WeightTensor): WeightTensor => {
    const [rows = 0] = tensor.shape.length === 2 ? tensor.shape : [1];
    const isOne = (tensor.shape.length === 1 || tensor.shape.length === 2) && rows >= 1 && rows <= maxVectors;
    if (isOne) return tensor;
    const needed = `[width] or [vectors, width] with at most ${maxVectors} vectors is needed`;
    throw fail(`is not a textual inversion: ${tensor.name} has the shape [${tensor.shape.join(", ")}]; ${needed}`);
  };
  const [l, g, params] = ["clip_l", "clip_g", "emb_params"].map((key) => tensors.get(key));
  if (l ?? g) {
    const vectors = { ...(l && { textEncoder: checked(l) }), ...(g && { textEncoder2: checked(g) }) };
    return { path, token: name, vectors };
  }
  if (params) return { path, token: name, vectors: { any: checked(params) } };
  const [only, ...others] = tensors.values();
  if (only === undefined || others.length > 0) {
    throw fail(`is not a textual inversion: it has ${tensors.size} tensors, and none of emb_params, clip_l, clip_g`);
  }
  return { path, token: only.name, vectors: { any: checked(only) } };
}

/** The vectors for a text encoder of a model that has these. */
export function vectorsFor(
  { vectors }: EmbeddingFile,
  encoder: string,
  encoders: readonly string[],
): WeightTensor | undefined {
  const isOnly = encoders.length === 1;
  if (isOnly && vectors.any) return vectors.any;
  // A file of XL's is none of a model with the first encoder alone.
  if (isOnly && encoder === "textEncoder" && vectors.textEncoder2) return undefined;
  return encoder === "textEncoder2" ? vectors.textEncoder2 : vectors.textEncoder;
}

/** How many vectors, and how wide. */
export function sizeOf({ shape }: WeightTensor): { count: number; width: number } {
  return shape.length === 1 ? { count: 1, width: shape[0]! } : { count: shape[0]!, width: shape[1]! };
}
