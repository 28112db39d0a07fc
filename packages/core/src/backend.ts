import type { Capabilities } from "./capabilities.ts";
import type { GenerationEvent } from "./events.ts";
import type { CallInputs } from "./image/input-rules.ts";
import type { UrlPayload } from "./image-payload.ts";
import type { GenerationRequest } from "./request/request.ts";

/** What a call into a backend is given beside its data. */
export interface CallOptions {
  /** Aborting it must stop the work itself: the engine, the prediction, the prompt. */
  signal: AbortSignal;
  /** How input files may be read: for {@link loadImageSource} and {@link decodeImage}. Absent, their own defaults hold. */
  inputs?: CallInputs | undefined;
}

/** What a look at a backend's capabilities is given beside the model. */
export interface CapabilitiesOptions extends Partial<CallOptions> {
  /** Asks the service again where a backend remembers what it said. The client does so before it refuses a request. */
  fresh?: boolean | undefined;
}

/** Plain data that finds a job again, in this process or another. */
export interface JobHandle {
  latentkit: "handle";
  backend: string;
  request: GenerationRequest;
  /** The backend's own part: a prediction id, a prompt id. */
  data: Record<string, unknown>;
}

/**
 * Fulfils requests. Plain data goes in and comes out. Errors are thrown through the iterator, as LatentKit errors.
 *
 * Order of events: `queued`, `started`, then `progress`, `preview`, `image`, `log` and `warning` as they come, and
 * `completed` last. When one picture of several fails, a `warning` with code `image_failed` says so and the rest go on;
 * when all fail the iterator throws. The request has been validated and checked against `capabilities` before.
 */
export interface Backend {
  /** Short and stable: `"local"`, `"replicate"`, `"comfy"`. It is the key of `backendOptions`. */
  readonly id: string;
  /**
   * Whether models, LoRAs and their like are names in a list of the server's own: never a path of this machine, never an address, at no
   * price of their own. A stranger's recipe may then name them.
   */
  readonly modelsAreNames?: boolean;
  /** The backends that this one is made of, where it is a composition. */
  readonly parts?: readonly Backend[] | undefined;
  /** What can be done with `model`, or with the default model. May read files or ask a server. */
  capabilities(model?: string, options?: CapabilitiesOptions): Promise<Capabilities>;
  generate(request: GenerationRequest, options: CallOptions): AsyncIterable<GenerationEvent>;
  /** Goes on with a job that an earlier `queued` or `started` event gave a handle for. */
  resume?(handle: JobHandle, options: CallOptions): AsyncIterable<GenerationEvent>;
  /** Brings an image that was delivered as a URL. */
  fetchImage?(image: UrlPayload, options: CallOptions): Promise<Uint8Array>;
  /** Stops whatever runs and frees what is held. May be called twice. */
  dispose(): Promise<void>;
}
