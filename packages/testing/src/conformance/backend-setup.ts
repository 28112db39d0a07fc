import type { Backend, GenerationInput } from "@latentkit/core";

/** Names of the conformance cases, for skipping one with a reason. */
export type CaseName =
  | "generates"
  | "event order"
  | "count"
  | "determinism"
  | "recipe round trip"
  | "events survive JSON"
  | "refusal"
  | "abort before"
  | "abort while queued"
  | "abort while sampling"
  | "abort through a signal"
  | "failure"
  | "partial failure"
  | "resume"
  | "concurrent jobs"
  | "previews"
  | "dispose"
  | "dispose while running";

/** What the suite needs to know of a backend under test. A fresh one is made for each case. */
export interface BackendSetup {
  backend: Backend;
  /** A small request that succeeds quickly. */
  request: GenerationInput;
  /** A request that runs long enough (a second or more) to be cut short while sampling. */
  longRequest: GenerationInput;
  /** A well-formed request that this backend must refuse, and the field that its error names. */
  unsupported: { request: GenerationInput; field: string };
  /** A request that is accepted and then fails. Absent: the case is reported as not run. */
  failing?: GenerationInput;
  /** A request for several pictures of which some, not all, fail. */
  partlyFailing?: GenerationInput;
  /** Id of the backend that does the work, which recipes and errors name: for compositions. Default: the backend's own. */
  worker?: string;
  /** How often work was begun: engine starts, predictions or prompts created. For "refused before any work". */
  workBegun(): number | Promise<number>;
  /** Whether no work goes on behind the backend: asked after an abort, polled for a few seconds. */
  isIdle(): boolean | Promise<boolean>;
  /** Called after each case, beside `backend.dispose()`. */
  teardown?(): void | Promise<void>;
}

/** How a backend is put through the suite. */
export interface SuiteOptions {
  /** Cases that cannot be run on this backend, with the reason; they are reported as skipped. */
  skip?: Partial<Record<CaseName, string>>;
  /** Whether equal seeds give equal pixels. Default true. */
  deterministic?: boolean;
}
