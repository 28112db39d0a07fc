import type { GenerationRequest } from "@latentkit/core";
import type { TraceCarrier } from "@latentkit/telemetry";

/** What a job of BullMQ's holds. Files lie in the store. */
export interface JobData {
  request: GenerationRequest;
  /** The trace that it was ordered in. */
  trace?: TraceCarrier;
  /** Whether a worker has given the request to its backend. */
  begun?: boolean;
  /** The backend's own handle, by which another worker goes on. */
  handle?: Record<string, unknown>;
  /** Id of the backend that the handle is of. */
  backend?: string;
}
