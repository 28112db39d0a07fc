import type { GenerationInput, JobEvent, OnUnsupported } from "@latentkit/core";

/** What is known of the call that an event belongs to. */
export interface EventContext {
  modelId: string;
  prompt: string | undefined;
  /** Tells the calls of a model apart: those that run side by side have different ones. */
  callId: string;
}

/** Settings of a model. */
export interface ModelSettings {
  /** Told each event of a call: progress by step, previews, pictures as they are made. What it throws is the call's error. */
  onEvent?: ((event: JobEvent, context: EventContext) => void) | undefined;
  /** Fields of each request, such as `{ steps: 20, sampler: "euler" }`; a call's `providerOptions.latentkit` go over them. */
  request?: Partial<GenerationInput> | undefined;
  /** What becomes of a field that the backend cannot honour: a warning, as is the AI SDK's way (default), or an error. */
  onUnsupported?: OnUnsupported | undefined;
}
