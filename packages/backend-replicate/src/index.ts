export { fromConfig, replicate } from "./replicate.ts";
export { ReplicateBackend } from "./replicate-backend.ts";
export type { ReplicateOptions, ReplicateRequestOptions } from "./replicate-options.ts";
