import type { SafetensorsDtype } from "./safetensors.ts";

/**
 * GGUF's quantised element types: how many elements of a row make a block, and how many bytes such a block takes.
 *
 * @see https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h
 */
export const blockTypes = {
  Q4_0: { elements: 32, bytes: 18 },
  Q4_1: { elements: 32, bytes: 20 },
  Q5_0: { elements: 32, bytes: 22 },
  Q5_1: { elements: 32, bytes: 24 },
  Q8_0: { elements: 32, bytes: 34 },
  Q2_K: { elements: 256, bytes: 84 },
  Q3_K: { elements: 256, bytes: 110 },
  Q4_K: { elements: 256, bytes: 144 },
  Q5_K: { elements: 256, bytes: 176 },
  Q6_K: { elements: 256, bytes: 210 },
} as const;

/** A GGUF type that stores elements in blocks. */
export type BlockType = keyof typeof blockTypes;

/** In which form a tensor's elements lie in its file. */
export type StoredType = SafetensorsDtype | BlockType;

/** Whether elements lie in blocks. */
export function isBlockType(type: StoredType): type is BlockType {
  return Object.hasOwn(blockTypes, type);
}
