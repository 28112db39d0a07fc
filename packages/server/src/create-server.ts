import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { type Client, ConfigError } from "@latentkit/core";
import { traceFrom } from "@latentkit/telemetry";
import { context } from "@opentelemetry/api";
import { Hono } from "hono";
import { matchedRoutes } from "hono/route";
import { a1111Routes } from "./a1111/a1111-routes.ts";
import { Access } from "./access/access.ts";
import type { Bindings, Call, ServerContext } from "./context.ts";
import { refuse, toHttpError } from "./http-error.ts";
import { describeError } from "./jobs/describe-job.ts";
import { Jobs } from "./jobs/jobs.ts";
import type { ServedJob } from "./jobs/served-job.ts";
import { mcpRoutes } from "./mcp/mcp-routes.ts";
import { openAiRoutes } from "./openai/openai-routes.ts";
import { pageRoutes } from "./page.ts";
import { BodyBudget } from "./request/body-budget.ts";
import { Names } from "./request/names.ts";
import { aboutRoutes, healthRoutes } from "./routes/about.ts";
import { jobRoutes } from "./routes/jobs.ts";
import { uploadRoutes } from "./routes/uploads.ts";
import { type ResolvedOptions, resolveOptions, type ServerOptions } from "./server-options.ts";
import { makeTelemetry } from "./telemetry.ts";
import { Uploads } from "./uploads.ts";

/** A client over HTTP, as handlers to mount where you like. */
export interface Server {
  /** For what speaks web `Request` and `Response`: Hono, Next, Bun, Deno. */
  fetch(request: Request): Promise<Response>;
  /** For `node:http` and what is built on it, such as Express. */
  node(request: IncomingMessage, response: ServerResponse): void;
  /** Takes no more requests for jobs, lets running ones finish for a while, hands back the rest. The client is yours to dispose of. */
  close(graceMs?: number): Promise<void>;
}

/**
 * A client as an HTTP server: its own API, and the dialects that others speak. docs/server.md has the routes.
 *
 * @example
 * ```ts
 * const server = createServer(client, { apiKeys: [process.env.KEY_HASH!] });
 * export const POST = server.fetch;
 * ```
 * @throws ConfigError naming the option that is wrong.
 */
export function createServer(client: Client, options: ServerOptions = {}): Server {
  if (typeof client?.generate !== "function")
    throw new ConfigError("server: needs a client, such as createClient() makes");
  const server = contextOf(client, resolveOptions(options));
  const app = buildApp(server);
  const fetch = async (request: Request) => app.fetch(request);
  const listener = getRequestListener(fetch, { overrideGlobalObjects: false });
  const sweeper = setInterval(() => {
    server.uploads.sweep();
    server.jobs.sweep();
  }, 30_000).unref();
  return {
    fetch,
    node: (request, response) => void listener(request, response),
    async close(graceMs) {
      await server.jobs.close(graceMs);
      clearInterval(sweeper);
    },
  };
}

/** What all ways to a client share. */
export function contextOf(client: Client, options: ResolvedOptions): ServerContext {
  const names = new Names(options, client.backend);
  const uploads = new Uploads(options);
  const budget = new BodyBudget(options.maxInFlightBytes);
  const onEnd = (job: ServedJob) => options.log?.(jobEntry(job, options));
  // Jobs of before a crash begin with the server itself: what follows them is made by then.
  const onStart = (job: ServedJob) => queueMicrotask(() => telemetry.begin(job));
  const jobs = new Jobs({ client, options, names, uploads, budget, onStart, onEnd });
  const telemetry = makeTelemetry({ client, jobs, uploads, budget });
  return {
    telemetry,
    client,
    options,
    access: new Access(options),
    names,
    uploads,
    budget,
    jobs,
    telling: { names, basePath: options.basePath },
  };
}

function buildApp(server: ServerContext): Hono<Bindings> {
  const { access, options } = server;
  const app = new Hono<Bindings>().basePath(options.basePath || "/");
  app.use(async (c, next) => {
    const began = performance.now();
    const given = c.req.header("x-request-id");
    const requestId = given !== undefined && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
    c.set("requestId", requestId);
    c.set("caller", "");
    // Spans of jobs hang under the caller's, where it names a trace.
    await context.with(traceFrom(c.req.header()), next);
    c.get("release")?.();
    c.header("x-request-id", requestId);
    allowOrigin(c, access);
    const ms = performance.now() - began;
    server.telemetry.answered(routeOf(c), c.req.method, c.res.status, ms / 1000);
    options.log?.(requestEntry(c, ms));
  });
  app.route("/", healthRoutes(server));
  app.use(async (c, next) => {
    access.checkHost(c.req.raw);
    access.checkOrigin(c.req.raw);
    return c.req.method === "OPTIONS" ? c.body(null, 204) : next();
  });
  if (options.page) app.route("/", pageRoutes());
  app.use(async (c, next) => {
    c.set("caller", access.caller(c.req.raw));
    return next();
  });
  app.get("/metrics", async (c) => {
    const { text, contentType } = server.telemetry;
    return c.body(await text(), 200, { "content-type": contentType });
  });
  app.route("/v1", jobRoutes(server));
  app.route("/v1", uploadRoutes(server));
  app.route("/v1", aboutRoutes(server));
  app.route("/v1", openAiRoutes(server));
  app.route("/sdapi/v1", a1111Routes(server));
  if (options.mcp) app.route("/mcp", mcpRoutes(server));
  app.notFound((c) => answerError(c, refuse("not_found", "There is nothing at this path."), server));
  app.onError((error, c) => answerError(c, error, server));
  return app;
}

/** The route's pattern, never what a client wrote in it: there are only so many. */
function routeOf(c: Call): string {
  const [route] = matchedRoutes(c)
    .filter(({ path }) => !path.endsWith("*"))
    .slice(-1);
  return route?.path ?? "none";
}

function answerError(c: Call, error: unknown, { names }: ServerContext): Response {
  const { status, error: known, headers } = toHttpError(error);
  c.set("error", known);
  for (const [name, value] of Object.entries(headers)) c.header(name, value);
  return c.json({ error: describeError(known, names) }, status as 500);
}

function allowOrigin(c: Call, access: Access): void {
  const origin = c.req.header("origin");
  if (origin === undefined || !access.allowsOrigin(origin)) return;
  c.header("access-control-allow-origin", origin);
  c.header("vary", "Origin");
  c.header("access-control-expose-headers", "Location, X-Request-Id, Retry-After, Idempotency-Replayed");
  if (c.req.method !== "OPTIONS") return;
  c.header("access-control-allow-methods", "GET, POST, DELETE");
  c.header("access-control-allow-headers", "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-API-Key");
  c.header("access-control-max-age", "600");
}

function requestEntry(c: Call, ms: number) {
  const error = c.get("error");
  const job = c.get("job");
  return {
    type: "request" as const,
    time: new Date().toISOString(),
    requestId: c.get("requestId"),
    key: c.get("caller"),
    method: c.req.method,
    path: c.req.path.slice(0, 200),
    status: c.res.status,
    ms: Math.round(ms * 10) / 10,
    ...(job === undefined ? {} : { job }),
    ...(error === undefined ? {} : { code: error.code }),
  };
}

function jobEntry(job: ServedJob, { logPrompts }: ResolvedOptions) {
  const { origin, error, request } = job;
  return {
    type: "job" as const,
    time: new Date().toISOString(),
    requestId: origin.requestId,
    key: origin.owner,
    job: job.id,
    outcome: job.status,
    ms: Date.now() - job.createdAt,
    ...(error === undefined ? {} : { code: error.code }),
    ...(logPrompts && "prompt" in request && request.prompt !== undefined ? { prompt: request.prompt } : {}),
  };
}
