import type { Prediction } from "../api/prediction.ts";

/** How the fake plays a prediction. */
export interface Script {
  /** Milliseconds in the queue, and for each step. */
  queueMs: number;
  stepMs: number;
  steps: number;
  /** What it ends with. */
  end: "succeeded" | "failed" | "aborted" | "canceled";
  error?: string;
  /** Outputs at the end, or as the iterator's items so far. */
  outputs(step: number, ended: boolean): unknown;
  streamed: boolean;
  /** Whether its output was removed. */
  removed?: boolean;
  /** How long ago it pretends to have ended. */
  endedAgoMs?: number;
}

/** A prediction whose state follows from the time that passed: nothing runs between two calls. */
export class FakePrediction {
  readonly id: string;
  readonly input: Record<string, unknown>;
  readonly model: string;
  readonly version: string;
  readonly script: Script;
  readonly createdAt = Date.now();
  readonly urls: { get: string; cancel: string; web: string; stream?: string };
  polls = 0;
  #cancelledAt: number | undefined;

  constructor(fields: Pick<FakePrediction, "id" | "input" | "model" | "version" | "script" | "urls">) {
    this.id = fields.id;
    this.input = fields.input;
    this.model = fields.model;
    this.version = fields.version;
    this.script = fields.script;
    this.urls = fields.urls;
  }

  get endsAt(): number {
    const { queueMs, stepMs, steps } = this.script;
    return this.createdAt + queueMs + stepMs * steps;
  }

  get over(): boolean {
    return this.#cancelledAt !== undefined || Date.now() >= this.endsAt;
  }

  cancel(): void {
    if (!this.over) this.#cancelledAt = Date.now();
  }

  state(): Prediction {
    const { queueMs, stepMs, steps, end, error, outputs } = this.script;
    const now = this.#cancelledAt ?? Date.now();
    const running = now - this.createdAt - queueMs;
    const ended = this.#cancelledAt === undefined && now >= this.endsAt;
    const step = Math.min(steps, Math.max(0, Math.floor(running / Math.max(stepMs, 0.001))));
    const status = this.#cancelledAt !== undefined ? "canceled" : ended ? end : running < 0 ? "starting" : "processing";
    const begun = status !== "starting" && status !== "aborted";
    const succeeded = status === "succeeded";
    const completedAt = new Date((this.#cancelledAt ?? this.endsAt) - (this.script.endedAgoMs ?? 0)).toISOString();
    return {
      id: this.id,
      model: this.model,
      version: this.version,
      input: this.input,
      output: begun ? (outputs(step, succeeded) ?? null) : null,
      error: status === "failed" ? (error ?? "something broke") : null,
      logs: begun ? logsUpTo(step, steps, this.input.seed) : "",
      status,
      source: "api",
      data_removed: this.script.removed ?? false,
      created_at: new Date(this.createdAt).toISOString(),
      started_at: begun ? new Date(this.createdAt + queueMs).toISOString() : null,
      completed_at: ended || this.#cancelledAt !== undefined ? completedAt : null,
      metrics: succeeded
        ? { predict_time: (stepMs * steps) / 1000, total_time: (this.endsAt - this.createdAt) / 1000 }
        : {},
      urls: this.urls,
    };
  }
}

function logsUpTo(step: number, steps: number, seed: unknown): string {
  const lines = [`Using seed: ${seed ?? 4711}\n`];
  for (let at = 0; at <= step; at++) {
    const percent = Math.floor((100 * at) / steps);
    lines.push(`\r${String(percent).padStart(3)}%|${"█".repeat(at % 10)}| ${at}/${steps} [00:01<00:01,  9.99it/s]`);
  }
  return lines.join("");
}
