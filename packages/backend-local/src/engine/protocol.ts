import type {
  CompletedEvent,
  ControlEvent,
  GenerationRequest,
  ImageEvent,
  LogEvent,
  Pixels,
  PreviewEvent,
  ProgressEvent,
  SerializedError,
  StartedEvent,
  WarningEvent,
} from "@latentkit/core";
import type { ControlInput } from "../adapters/control/control-input.ts";
import type { ImagePromptInput } from "../adapters/ip-adapter/image-prompt-input.ts";
import type { DeviceSettings } from "../devices/choose-device.ts";
import type { Model } from "../models/model.ts";

/** What an engine is started with; it stays the same for the engine's life. */
export interface EngineSettings extends DeviceSettings {
  threads?: number;
  cacheModels: number;
  /** In bytes. */
  maxMemory?: number;
}

/** One generation, complete: the engine reads no file but the model's weights and tokenizer. */
export interface EngineJob {
  request: GenerationRequest;
  model: Model;
  /** The network that enlarges between two passes. */
  upscaler?: Model | undefined;
  /**
   * Input pictures, decoded and resized to the output's size; or the latents in place of the picture: one for all, or one for each; and
   * control, reference and prompting pictures; of reference pictures, what the text encoder is shown.
   */
  inputs: {
    image?: Pixels;
    mask?: Pixels;
    latents?: Float32Array;
    controls?: readonly ControlInput[];
    imagePrompts?: readonly ImagePromptInput[];
    references?: readonly Pixels[];
    seen?: readonly Pixels[];
  };
}

/** To the engine. One job runs at a time. */
export type ToEngine =
  | { type: "run"; id: number; job: EngineJob }
  /** Loads a model's networks so that the next run finds them ready. */
  | { type: "warm-up"; id: number; model: Model }
  | { type: "cancel"; id: number }
  /** End now. Sent between runs. */
  | { type: "close" };

/** From the engine: events of a run, then how it ended. */
export type FromEngine =
  | { type: "event"; id: number; event: EngineEvent }
  /** `retire`: the engine asks to be replaced, having loaded and released many models. */
  | { type: "done"; id: number; retire: boolean }
  | { type: "failed"; id: number; error: SerializedError; retire?: boolean }
  /** It has started and listens; of no run. */
  | { type: "ready"; id: 0 };

/** Events as the engine sends them: with raw samples, which cross processes faster than base64. */
export type EngineEvent =
  | StartedEvent
  | ProgressEvent
  | LogEvent
  | WarningEvent
  | CompletedEvent
  | (Omit<PreviewEvent, "image"> & { pixels: Pixels })
  | (Omit<ControlEvent, "image"> & { pixels: Pixels })
  | (Omit<ImageEvent, "image" | "latent"> & { pixels: Pixels; latent?: RawLatent });

/** What sampling left, in the network's scale. */
export interface RawLatent {
  shape: readonly [channels: number, height: number, width: number];
  data: Float32Array;
}
