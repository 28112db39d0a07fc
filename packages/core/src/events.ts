import type { SerializedError } from "./errors/latentkit-error.ts";
import type { ImagePayload } from "./image-payload.ts";
import type { LatentPayload } from "./latent/latent.ts";
import type { GenerationRequest } from "./request/request.ts";

/** What a generation is doing: bringing up a model, encoding the prompt, sampling, decoding, moving files. */
export type Phase = "load" | "upload" | "encode" | "sample" | "decode" | "download" | (string & {});

/** A model as it was really used. */
export interface ModelIdentity {
  /** As the backend names it: a package, folder, file or `owner/name:version`. */
  id: string;
  /** Hash of what defines its output, such as `"sha256:…"`; the same hash means the same weights. */
  hash?: string;
}

/** What computed a picture, where the backend knows: pixels are promised on the same device and in the same precision alone. */
export interface DeviceUse {
  /** Such as `"cpu"`, `"cuda"` or `"webgpu"`. */
  name: string;
  /** What networks were computed in, such as `"float32"`. */
  precision?: string;
  /** Why it was chosen, for people. */
  reason?: string;
}

/** Accepted and waiting. `handle` is enough to find the job again from another process. */
export interface QueuedEvent {
  type: "queued";
  /** The backend's own part of `job.handle`, with which `client.resume` finds the job again, from another process too. */
  handle?: Record<string, unknown>;
  /** Jobs ahead of this one, where the backend knows: the local engine and a ComfyUI server do, Replicate does not tell. */
  position?: number;
}

/** Work has begun. */
export interface StartedEvent {
  type: "started";
  /** Id of the backend that does the work, where a composition chose it: it stands in the recipe. */
  backend?: string;
  /** The settings that the backend decided where the request was silent: merged into the recipe. */
  resolved?: Partial<GenerationRequest>;
  /** The model as it was really loaded. */
  model?: ModelIdentity;
  /** Versions that bear on the pixels, such as `{ "onnxruntime-node": "1.30.0" }`. */
  versions?: Record<string, string>;
  /** What the work is done on; the last one counts. It stands in the recipe. */
  device?: DeviceUse;
  /** The backend's own part of `job.handle`, with which `client.resume` finds the job again, from another process too. */
  handle?: Record<string, unknown>;
}

/** One step further. */
export interface ProgressEvent {
  type: "progress";
  /** What is going on: `"load"`, `"upload"`, `"encode"`, `"sample"`, `"decode"` or `"download"`, or a word of the backend's own. */
  phase: Phase;
  /** Steps done in this phase, 0 to `steps`. */
  step: number;
  /** Steps that this phase has. */
  steps: number;
  /** Share of the whole job that is done, 0 to 1, where known. */
  fraction?: number;
  /** Estimated milliseconds until the job is done, where known. */
  etaMs?: number;
  /** Which image, where images are made one by one. */
  index?: number;
}

/** An unfinished picture. A consumer that is slow misses some. */
export interface PreviewEvent {
  type: "preview";
  /** Position among `count`, from 0. */
  index: number;
  /** The sampling step after which it was taken, from 1. */
  step: number;
  /** The preview, often smaller than the picture will be. */
  image: ImagePayload;
}

/** What a control picture was made into (`prepare`, `preprocessor`): what the network is shown. */
export interface ControlEvent {
  type: "control";
  /** The request's entry, such as `"conditioning[0]"`. */
  field: string;
  /** The kind of control, such as `"canny"`. */
  control: string;
  /** The map. */
  image: ImagePayload;
}

/** A finished picture; never dropped. A later one of the same index takes its place: the first cannot be had any more. */
export interface ImageEvent {
  type: "image";
  /** Position among `count`, from 0. */
  index: number;
  /** The seed that this picture used, where the backend knows. */
  seed?: number | string;
  /** What else this picture's settings have of their own, beside those of the job: merged into the picture's recipe. */
  resolved?: Partial<GenerationRequest>;
  /** The picture. */
  image: ImagePayload;
  /** What sampling left, where `output.latent` asks for it. */
  latent?: LatentPayload;
}

/** A line for people, from the backend or its server. */
export interface LogEvent {
  type: "log";
  /** How much it matters. */
  level: "debug" | "info" | "warn";
  /** The line, without a credential in it. */
  message: string;
}

/** Something was not as asked, and the job goes on. `image_failed` means that one picture of several is missing. */
export interface WarningEvent {
  type: "warning";
  /** What kind of warning, for programs. */
  code: "unsupported" | "image_failed" | (string & {});
  /** What was not as asked, for people. */
  message: string;
  /** The field of the request that it is about, such as `"conditioning[0].strength"`. */
  field?: string;
  /** For `image_failed`: which picture. */
  index?: number;
  /** For `image_failed`: the seed of that picture. */
  seed?: number | string;
  /** For `image_failed`: why. */
  error?: SerializedError;
}

/** Everything that could be made has been made. */
export interface CompletedEvent {
  type: "completed";
  /** Milliseconds by phase, as the backend measured them. */
  timings?: Record<string, number>;
  /** Other figures of the backend's: billed seconds, cost, memory. */
  metrics?: Record<string, unknown>;
  /** What became known only while running, such as the seed a server chose. */
  resolved?: Partial<GenerationRequest>;
}

/** Whatever a generation tells while it runs. Plain data: every event survives JSON. */
export type GenerationEvent =
  | QueuedEvent
  | StartedEvent
  | ProgressEvent
  | PreviewEvent
  | ControlEvent
  | ImageEvent
  | LogEvent
  | WarningEvent
  | CompletedEvent;
