/** What a server tells its log: of a request that was answered, or of a job that ended. No prompt, unless `logPrompts` is set. */
export interface LogEntry {
  type: "request" | "job";
  /** ISO 8601. */
  time: string;
  /** The request's id, as its answer's `x-request-id` has it; a job's is that of the request that began it. */
  requestId: string;
  /** Name of the key that was shown; `""` where none is asked for. */
  key: string;
  method?: string;
  /** Path without its query. */
  path?: string;
  /** HTTP status. */
  status?: number;
  ms: number;
  job?: string;
  /** `"completed"`, `"failed"` or `"cancelled"`, of a job. */
  outcome?: string;
  /** Code of the error, where there was one. */
  code?: string;
  prompt?: string;
}
