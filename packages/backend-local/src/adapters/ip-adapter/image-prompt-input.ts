import type { Pixels } from "@latentkit/core";
import type { IPAdapterShape } from "../../networks/ip-adapter/ip-adapter.ts";

/** One of a request's pictures as prompts, as the engine is given it. */
export interface ImagePromptInput {
  /** The request's entry, such as `"conditioning[0]"`. */
  field: string;
  /** Absolute path of the IP-Adapter's file. */
  path: string;
  shape: IPAdapterShape;
  /** The image encoder's folder, and its configuration. */
  encoder: { path: string; config: Readonly<Record<string, unknown>> };
  /** As it was given, in its own size. */
  pixels: Pixels;
  /** Where it acts, at the output's size: 1 or 0 for each pixel. */
  mask?: Uint8Array | undefined;
  strength: number;
  start: number;
  end: number;
}
