import { eventStreamHeaders, imageFormats } from "@latentkit/core";
import { Hono } from "hono";
import { type Bindings, type Call, orderOf, type ServerContext } from "../context.ts";
import { refuse, toHttpError } from "../http-error.ts";
import { describeJob } from "../jobs/describe-job.ts";
import { jobEventStream, type StreamOptions } from "../jobs/event-stream.ts";
import type { ServedJob } from "../jobs/served-job.ts";
import { choice, flag, wholeNumber } from "../request/query.ts";
import { requestOf } from "../request/read-input.ts";

const maxTimeoutMs = 2 ** 31 - 1;

/** Our own API: orders, their events, their results. */
export function jobRoutes(server: ServerContext): Hono<Bindings> {
  const { jobs, telling } = server;
  const app = new Hono<Bindings>();
  const find = (c: Call): ServedJob => {
    const job = jobs.find(c.req.param("id") ?? "", c.get("caller"));
    c.set("job", job.id);
    return job;
  };

  app.post("/jobs", async (c) => {
    const onUnsupported = choice(c, "onUnsupported", ["error", "warn"]);
    const timeoutMs = wholeNumber(c.req.query("timeoutMs"), "?timeoutMs", 1, maxTimeoutMs);
    const timeoutFrom = choice(c, "timeoutFrom", ["call", "started"]);
    const streamed = streamOptions(c, server);
    const waits = flag(c, "wait");
    const order = { ...orderOf(c, "latentkit"), ...(await requestOf(c, server)) };
    const { job, isRepeated } = await jobs.order({ ...order, generate: { onUnsupported, timeoutMs, timeoutFrom } });
    c.set("job", job.id);
    c.header("location", `${telling.basePath}/v1/jobs/${job.id}`);
    if (isRepeated) c.header("idempotency-replayed", "true");
    if (/\btext\/event-stream\b/.test(c.req.header("accept") ?? "")) return events(c, job, streamed);
    if (waits) await untilEnded(job, c.req.raw.signal);
    const { error } = job;
    if (error === undefined) return c.json(describeJob(job, telling), job.endedAt === undefined ? 202 : 200);
    return c.json({ ...describeJob(job, telling) }, toHttpError(error).status as 500);
  });

  app.get("/jobs", (c) => c.json({ jobs: jobs.list(c.get("caller")).map((job) => describeJob(job, telling)) }));
  app.get("/jobs/:id", async (c) => {
    const job = find(c);
    if (flag(c, "wait")) await untilEnded(job, c.req.raw.signal);
    return c.json(describeJob(job, telling));
  });
  app.get("/jobs/:id/events", (c) => events(c, find(c), streamOptions(c, server)));
  app.post("/jobs/:id/cancel", async (c) => {
    const job = find(c);
    await job.cancel("The job was cancelled by its owner.");
    return c.json(describeJob(job, telling));
  });
  app.delete("/jobs/:id", async (c) => {
    await jobs.remove(find(c));
    return c.body(null, 204);
  });

  app.get("/jobs/:id/recipe", (c) => {
    const { result } = find(c);
    if (result === undefined) throw refuse("not_found", "The job has no recipe yet: it has not ended well.");
    return c.json(server.names.shown(result.recipe));
  });
  app.get("/jobs/:id/images/:index", (c) => {
    const image = imageOf(find(c), c);
    const format = choice(c, "format", imageFormats);
    const quality = wholeNumber(c.req.query("quality"), "?quality", 1, 100);
    const headers = { "cache-control": "private, max-age=600", "x-content-type-options": "nosniff" };
    return image.toResponse({ format, quality, headers });
  });
  app.get("/jobs/:id/images/:index/recipe", (c) => c.json(server.names.shown(imageOf(find(c), c).recipe)));
  app.get("/jobs/:id/images/:index/latent", (c) => {
    const { latent } = imageOf(find(c), c);
    if (latent === undefined) throw refuse("not_found", "This picture has no latent: ask for it by output.latent.");
    return c.body(new Uint8Array(latent.bytes()), 200, { "content-type": "application/octet-stream" });
  });
  return app;

  function events(c: Call, job: ServedJob, options: StreamOptions): Response {
    for (const [name, value] of Object.entries(eventStreamHeaders)) c.header(name, value);
    const leave = flag(c, "cancelOnLeave")
      ? { onLeave: () => void job.cancel("The reader of the job's events went away.") }
      : {};
    return c.body(jobEventStream(job, { ...options, ...leave }, telling));
  }
}

function streamOptions(c: Call, { options }: ServerContext): StreamOptions {
  const last = c.req.header("last-event-id") ?? c.req.query("lastEventId");
  return {
    images: choice(c, "images", ["url", "dataUrl", "payload", "none"]) ?? "url",
    previews: choice(c, "previews", ["dataUrl", "payload", "none"]) ?? "dataUrl",
    after: wholeNumber(last, "Last-Event-ID", 0, Number.MAX_SAFE_INTEGER) ?? -1,
    heartbeatMs: options.heartbeatMs,
  };
}

function imageOf(job: ServedJob, c: Call) {
  const index = wholeNumber(c.req.param("index"), "index", 0, 100_000);
  const image = job.images.find((other) => other.index === index);
  if (image === undefined) throw refuse("not_found", `The job has no picture ${c.req.param("index")}, or not yet.`);
  return image;
}

/** Waits for a job, or until the one who asks has gone. */
export async function untilEnded(job: ServedJob, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const leave = () => resolve();
  signal.addEventListener("abort", leave, { once: true });
  await Promise.race([job.ended, promise]);
  signal.removeEventListener("abort", leave);
}
