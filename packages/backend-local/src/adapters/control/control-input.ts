import type { Pixels } from "@latentkit/core";
import type { ControlSource } from "./control-source.ts";

/** One of a request's control pictures, as the engine is given it. */
export interface ControlInput {
  /** The request's entry, such as `"conditioning[0]"`. */
  field: string;
  control: string;
  source: ControlSource;
  /** At the output's size: the control picture, or a photo that it is to be made of. */
  pixels: Pixels;
  prepare: boolean;
  /** 1 in the pixels that inpainting is to fill, once it is prepared. */
  hidden?: Uint8Array | undefined;
  /** Absolute path of an ONNX file that makes it. */
  preprocessor?: string | undefined;
  /** Of a network of several kinds: which of them it is. */
  kind?: number | undefined;
  strength: number;
  start: number;
  end: number;
  softWeights: boolean;
  guessMode: boolean;
}
