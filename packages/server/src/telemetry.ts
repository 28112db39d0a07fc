import { GenerationSpan } from "@latentkit/telemetry";
import { SpanKind } from "@opentelemetry/api";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ServerContext } from "./context.ts";
import type { ServedJob } from "./jobs/served-job.ts";

/** What Prometheus is told, and where jobs are noted. */
export interface Telemetry {
  begin(job: ServedJob): void;
  /** A request was answered: its head was written, for a stream. */
  answered(route: string, method: string, status: number, seconds: number): void;
  /** The text of `/metrics`. */
  text(): Promise<string>;
  contentType: string;
}

/** A client may write any word there, and each would be a series of its own. */
const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
/** Seconds that pictures take, from the embedded model's to those of large ones on a CPU. */
const buckets = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900];

/**
 * Spans and metrics by OpenTelemetry's GenAI conventions, through whatever SDK the program has set up (none: nothing is done), and counts for
 * Prometheus. No prompt stands in either.
 */
export function makeTelemetry(server: Pick<ServerContext, "jobs" | "uploads" | "budget" | "client">): Telemetry {
  const registry = new Registry();
  const shared = { registers: [registry] };
  const jobs = new Counter({
    ...shared,
    name: "latentkit_jobs_total",
    help: "Jobs that ended",
    labelNames: ["outcome", "dialect"],
  });
  const images = new Counter({ ...shared, name: "latentkit_images_total", help: "Pictures that were made" });
  const seconds = new Histogram({
    ...shared,
    name: "latentkit_job_seconds",
    help: "From the order to the end of a job",
    buckets,
  });
  const answers = new Histogram({
    ...shared,
    name: "latentkit_http_seconds",
    help: "From a request to the head of its answer",
    labelNames: ["route", "method", "status"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 120],
  });
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      ...shared,
      name,
      help,
      collect: function (this: Gauge) {
        this.set(value());
      },
    });
  gauge("latentkit_jobs_unfinished", "Jobs that wait or run", () => server.jobs.unfinished);
  gauge("latentkit_result_bytes", "Bytes of results that are kept", () => server.jobs.resultBytes);
  gauge("latentkit_upload_bytes", "Bytes of uploads that are kept", () => server.uploads.bytes);
  gauge("latentkit_input_bytes", "Bytes of bodies and inputs that are held", () => server.budget.held);
  const { backend } = server.client;
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    answered: (route, method, status, took) =>
      answers.observe({ route, method: methods.has(method) ? method : "other", status: `${status}` }, took),
    begin(job) {
      const { request, origin } = job;
      const span = new GenerationSpan(request, {
        backend: backend.id,
        kind: SpanKind.SERVER,
        attributes: { "latentkit.dialect": origin.dialect },
      });
      const count = () => {
        jobs.inc({ outcome: job.status, dialect: job.origin.dialect });
        images.inc(job.images.length);
        seconds.observe((Date.now() - job.createdAt) / 1000);
      };
      // What a program's SDK throws is none of the server's.
      void note(job, span).then(count, () => {});
    },
  };
}

/** Follows a job to its end: each step is an event of its span. */
async function note(job: ServedJob, span: GenerationSpan): Promise<void> {
  for (let after = -1; ; ) {
    const item = await job.log.after(after, 60_000);
    if (item === undefined) break;
    if (item === "later") continue;
    after = item.id;
    const { event } = item;
    if (event.type !== "done" && event.type !== "error") span.note(event);
  }
  span.end(job.error);
}
