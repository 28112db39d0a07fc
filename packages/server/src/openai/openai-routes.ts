import { eventStreamHeaders, InvalidRequestError } from "@latentkit/core";
import { Hono } from "hono";
import { type Bindings, type Call, orderOf, type ServerContext } from "../context.ts";
import { refuse } from "../http-error.ts";
import { describeError } from "../jobs/describe-job.ts";
import type { ServedJob } from "../jobs/served-job.ts";
import { formOf, jsonOf } from "../request/read-input.ts";
import { untilEnded } from "../routes/jobs.ts";
import { maskFromAlpha } from "./mask.ts";
import { answerOpenAiError } from "./openai-error.ts";
import { type OpenAiRequest, readOpenAiRequest } from "./openai-request.ts";
import { openAiStream } from "./openai-stream.ts";

/** OpenAI's images API: what its clients ask of `/v1`. */
export function openAiRoutes(server: ServerContext): Hono<Bindings> {
  const { client, names, jobs, options } = server;
  const app = new Hono<Bindings>();
  const capabilities = async (body: unknown) => {
    const model = (body as { model?: unknown } | null)?.model;
    return client.capabilities(await names.model(typeof model === "string" && model !== "" ? model : undefined));
  };

  app.post("/images/generations", async (c) => {
    const body = await jsonOf(c, server);
    const asked = readOpenAiRequest(body, await capabilities(body));
    return answer(c, asked, "image_generation", new Map());
  });
  app.post("/images/edits", async (c) => {
    const { texts, files } = await formOf(c, server);
    const asked = readOpenAiRequest(texts, await capabilities(texts));
    const [image, ...references] = files.filter(({ field }) => field === "image" || field === "image[]");
    if (image === undefined)
      throw new InvalidRequestError([{ field: "image", message: "is missing: send at least one picture" }]);
    const sent = new Map<string, Uint8Array>([["image", image.bytes]]);
    const mask = files.find(({ field }) => field === "mask");
    if (mask !== undefined) sent.set("mask", await maskFromAlpha(mask.bytes, options.maxInputPixels));
    if (references.length > 0)
      asked.input.conditioning = references.map(({ bytes }) => ({
        kind: "image-prompt",
        image: { base64: Buffer.from(bytes).toString("base64") },
      }));
    return answer(c, asked, "image_edit", sent);
  });
  app.get("/models", async (c) => c.json({ object: "list", data: (await modelIds()).map(model) }));
  app.get("/models/:id{.+}", async (c) => {
    const id = c.req.param("id");
    if (!(await modelIds()).includes(id)) throw refuse("not_found", `There is no model "${id.slice(0, 100)}".`);
    return c.json(model(id));
  });
  app.onError((error, c) => answerOpenAiError(c, error, server));
  return app;

  async function modelIds(): Promise<string[]> {
    const own = (await client.capabilities().catch(() => undefined))?.model?.id;
    return [...new Set([...(own === undefined ? [] : [names.toClient(own)]), ...names.list("models")])];
  }

  async function answer(
    c: Call,
    asked: OpenAiRequest,
    kind: "image_generation" | "image_edit",
    files: Map<string, Uint8Array>,
  ) {
    const order = orderOf(c, "openai");
    const { job } = await jobs.order({ ...order, input: asked.input, files });
    c.set("job", job.id);
    // Who has a key for the order comes again for it; who has none will not.
    const leave = () => {
      if (order.idempotencyKey === undefined) void job.cancel("The client went away.");
    };
    if (asked.stream) {
      for (const [name, value] of Object.entries(eventStreamHeaders)) c.header(name, value);
      return c.body(openAiStream(job, asked, kind, server, leave));
    }
    await untilEnded(job, order.signal);
    if (job.endedAt === undefined) leave();
    if (job.error !== undefined) throw job.error;
    return c.json(await result(c, job, asked));
  }

  async function result(c: Call, job: ServedJob, { asUrl, format, warnings }: OpenAiRequest) {
    const { images, result } = job;
    const size = await images[0]?.size();
    const link = (index: number) => new URL(`${options.basePath}/v1/jobs/${job.id}/images/${index}`, c.req.url).href;
    const data = images.map(async (image) => ({
      ...(asUrl ? { url: link(image.index) } : { b64_json: Buffer.from(await image.bytes(format)).toString("base64") }),
      seed: image.seed,
    }));
    return {
      created: Math.floor(job.createdAt / 1000),
      data: await Promise.all(data),
      background: "opaque",
      output_format: format,
      ...(size && { size: `${size.width}x${size.height}` }),
      latentkit: {
        job: job.id,
        recipe: names.shown(result?.recipe),
        warnings: [...warnings, ...names.shown(result?.warnings ?? [])],
        failures: names.shown(result?.failures ?? []),
        ...(job.error && { error: describeError(job.error, names) }),
      },
    };
  }
}

function model(id: string) {
  return { id, object: "model", created: 0, owned_by: "latentkit" };
}
