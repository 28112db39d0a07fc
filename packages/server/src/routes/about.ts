import { version } from "@latentkit/core";
import { Hono } from "hono";
import type { Bindings, ServerContext } from "../context.ts";
import { openApiDocument } from "../openapi.ts";

/** What the server can do. */
export function aboutRoutes(server: ServerContext): Hono<Bindings> {
  const { client, names, options } = server;
  const app = new Hono<Bindings>();
  app.get("/capabilities", async (c) => {
    const model = await names.model(c.req.query("model"));
    const found = await client.capabilities(model);
    const { maxPixels, maxCount, maxSteps, maxBodyBytes, inputHosts } = options;
    const named = {
      models: names.list("models"),
      loras: names.list("loras"),
      embeddings: names.list("embeddings"),
      controls: names.list("controls"),
      upscalers: names.list("upscalers"),
    };
    const server = { version, limits: { maxPixels, maxCount, maxSteps, maxBodyBytes }, inputHosts, names: named };
    return c.json({ ...names.shown(found), server });
  });
  app.get("/openapi.json", (c) => c.json(openApiDocument(options.basePath)));
  return app;
}

/** Whether the process lives, and whether it takes orders: for what keeps it running. No key is asked for, and nothing is told. */
export function healthRoutes({ client, jobs }: ServerContext): Hono<Bindings> {
  const app = new Hono<Bindings>();
  let known: { at: number; isReady: Promise<boolean> } | undefined;
  const isReady = () => {
    if (known === undefined || Date.now() - known.at > 5000)
      known = {
        at: Date.now(),
        isReady: within(
          client.capabilities().then(() => true),
          5000,
        ),
      };
    return known.isReady;
  };
  app.get("/healthz", (c) => c.json({ status: "ok" }));
  app.get("/readyz", async (c) => {
    if (jobs.isClosing) return c.json({ status: "shutting_down" }, 503);
    return (await isReady()) ? c.json({ status: "ready" }) : c.json({ status: "backend_unavailable" }, 503);
  });
  return app;
}

async function within(answer: Promise<boolean>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, ms, false);
  return Promise.race([answer.catch(() => false), late]).finally(() => clearTimeout(timer));
}
