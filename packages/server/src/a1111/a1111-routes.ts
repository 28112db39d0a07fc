import {
  decodeImage,
  encodeImage,
  formatParameters,
  InvalidRequestError,
  type Issue,
  imageFormats,
  isRecipe,
  readRecipe,
  resizeImage,
} from "@latentkit/core";
import { samplers, schedulers } from "@latentkit/core/diffusion";
import { Hono } from "hono";
import { type Bindings, type Call, orderOf, type ServerContext } from "../context.ts";
import { toHttpError } from "../http-error.ts";
import type { ServedJob } from "../jobs/served-job.ts";
import { jsonOf } from "../request/read-input.ts";
import { untilEnded } from "../routes/jobs.ts";
import { type A1111Options, readA1111Request, sourceOf } from "./a1111-request.ts";
import { a1111Result, stamp } from "./a1111-result.ts";

/** AUTOMATIC1111's API, as its clients call it (`/sdapi/v1`). */
export function a1111Routes(server: ServerContext): Hono<Bindings> {
  const { client, names, jobs, options: limits } = server;
  const app = new Hono<Bindings>();
  const chosen = new Map<string, A1111Options>();
  const tasks = new Map<string, string>();
  const optionsOf = (c: Call): A1111Options =>
    chosen.get(c.get("caller")) ?? {
      CLIP_stop_at_last_layers: 1,
      samples_format: "png",
      show_progress_every_n_steps: 5,
    };

  for (const kind of ["txt2img", "img2img"] as const)
    app.post(`/${kind}`, async (c) => {
      const body = (await jsonOf(c, server)) as object;
      const options = optionsOf(c);
      const override = (body as { override_settings?: Partial<A1111Options> } | null)?.override_settings;
      const model = override?.sd_model_checkpoint ?? options.sd_model_checkpoint;
      const capabilities = await client.capabilities(await names.model(model || undefined));
      const asked = readA1111Request(body, kind, { options, capabilities });
      const order = orderOf(c, "a1111");
      const { job } = await jobs.order({ ...order, input: await invertedMask(asked.input, body) });
      c.set("job", job.id);
      if (asked.task !== undefined) tasks.set(job.id, asked.task);
      void job.ended.then(() => tasks.delete(job.id));
      await untilEnded(job, order.signal);
      if (job.endedAt === undefined) {
        if (order.idempotencyKey === undefined) void job.cancel("The client went away.");
        return c.body(null);
      }
      // Interrupted, A1111 answers with what there is.
      if (job.error !== undefined && job.status !== "cancelled") throw job.error;
      return c.json(await a1111Result(job, asked, body, names));
    });

  app.get("/progress", async (c) => {
    const job = current(c);
    const image = c.req.query("skip_current_image") === "true" ? undefined : job?.log.last("preview")?.image;
    return c.json({
      ...progressOf(job),
      current_image: image ? Buffer.from(await image.bytes("png", { embedRecipe: false })).toString("base64") : null,
    });
  });
  app.post("/interrupt", async (c) => {
    void current(c)?.cancel("The job was interrupted.");
    return c.json({});
  });

  app.get("/options", async (c) =>
    c.json({ ...optionsOf(c), sd_model_checkpoint: optionsOf(c).sd_model_checkpoint ?? (await models())[0] ?? "" }),
  );
  app.post("/options", async (c) => {
    chosen.set(c.get("caller"), await changed(optionsOf(c), await jsonOf(c, server)));
    return c.json(null);
  });
  app.get("/samplers", async (c) => {
    const { samplers: known } = await client.capabilities();
    const all = known === "any" ? Object.keys(samplers) : known;
    return c.json(all.map((name) => ({ name, aliases: [`k_${name}`], options: {} })));
  });
  app.get("/schedulers", async (c) => {
    const { schedulers: known } = await client.capabilities();
    const all = known === "any" ? Object.keys(schedulers) : known;
    return c.json(
      ["automatic", ...all].map((name) => ({
        name,
        label: name,
        aliases: null,
        default_rho: -1,
        need_inner_model: false,
      })),
    );
  });
  app.get("/sd-models", async (c) => {
    const own = (await client.capabilities().catch(() => undefined))?.model;
    const hash = own?.hash?.replace(/^sha256:/, "");
    const list = (await models()).map((name, i) => {
      const sha256 =
        i === 0 && hash !== undefined && own !== undefined && names.toClient(own.id) === name ? hash : null;
      return {
        title: name,
        model_name: name,
        hash: sha256?.slice(0, 10) ?? null,
        sha256,
        filename: name,
        config: null,
      };
    });
    return c.json(list);
  });
  app.get("/loras", (c) =>
    c.json(names.list("loras").map((name) => ({ name, alias: name, path: name, metadata: {} }))),
  );
  app.get("/embeddings", (c) =>
    c.json({
      loaded: Object.fromEntries(
        names.list("embeddings").map((name) => [name, { shape: null, vectors: null, step: null }]),
      ),
      skipped: {},
    }),
  );
  app.get("/upscalers", async (c) =>
    c.json(
      (await upscalers()).map((name) => ({ name, model_name: null, model_path: null, model_url: null, scale: 4 })),
    ),
  );
  app.get("/latent-upscale-modes", (c) =>
    c.json(["Latent", "Latent (nearest)", "Latent (bicubic)"].map((name) => ({ name }))),
  );
  for (const none of ["sd-vae", "sd-modules", "hypernetworks", "face-restorers", "prompt-styles"])
    app.get(`/${none}`, (c) => c.json([]));
  app.post("/refresh-checkpoints", (c) => c.json(null));

  app.post("/png-info", async (c) => {
    const { image } = (await jsonOf(c, server)) as { image?: unknown };
    const recipe = await readRecipe(fileOf(image, "image")).catch(() => undefined);
    if (!isRecipe(recipe)) return c.json({ info: "", items: {}, parameters: {} });
    const info = formatParameters(recipe);
    return c.json({ info, items: { parameters: info }, parameters: { ...recipe.request } });
  });
  app.post("/extra-single-image", async (c) =>
    c.json({ html_info: "", image: await enlarge(c, (await jsonOf(c, server)) as Record<string, unknown>) }),
  );

  app.onError((error, c) => {
    const { status, error: known, headers } = toHttpError(error);
    c.set("error", known);
    for (const [name, value] of Object.entries(headers)) c.header(name, value);
    const message = names.toClient(known.message);
    // FastAPI's form of an error, which these clients read.
    return c.json(
      { error: known.name, detail: message, body: "", errors: message },
      (status === 400 ? 422 : status) as 422,
    );
  });
  return app;

  /** The job that these clients mean when they say none: the one that runs, or the first that waits. */
  function current(c: Call): ServedJob | undefined {
    const own = jobs
      .list(c.get("caller"))
      .filter(({ origin, endedAt }) => origin.dialect === "a1111" && endedAt === undefined);
    return own.find(({ startedAt }) => startedAt !== undefined) ?? own[0];
  }

  function progressOf(job: ServedJob | undefined) {
    const told = job?.log.last("progress");
    const count = job?.request.count ?? 0;
    const share =
      told === undefined ? 0 : (told.fraction ?? ((told.index ?? 0) + told.step / told.steps) / Math.max(1, count));
    return {
      progress: Math.min(1, share),
      eta_relative: (told?.etaMs ?? 0) / 1000,
      state: {
        skipped: false,
        interrupted: false,
        stopping_generation: false,
        job: job === undefined ? "" : `task(${job.id})`,
        job_count: count,
        job_timestamp: stamp(job?.createdAt ?? 0),
        job_no: told?.index ?? 0,
        sampling_step: told?.step ?? 0,
        sampling_steps: told?.steps ?? 0,
      },
      textinfo: told?.phase ?? null,
      current_task: job === undefined ? null : (tasks.get(job.id) ?? job.id),
    };
  }

  async function models(): Promise<string[]> {
    const own = (await client.capabilities().catch(() => undefined))?.model?.id;
    return [...new Set([...(own === undefined ? [] : [names.toClient(own)]), ...names.list("models")])];
  }

  async function upscalers(): Promise<string[]> {
    const { tasks: known, model } = await client.capabilities();
    const own = known.includes("upscale") && model !== undefined ? [names.toClient(model.id)] : [];
    return ["None", "Lanczos", ...own, ...names.list("upscalers")];
  }

  async function enlarge(c: Call, body: Record<string, unknown>): Promise<string> {
    const { image, upscaler_1: upscaler = "None", upscaling_resize: scale = 2, resize_mode = 0 } = body;
    if (typeof scale !== "number" || !(scale > 0 && scale <= 8))
      throw new InvalidRequestError([{ field: "upscaling_resize", message: "must be a number above 0 and at most 8" }]);
    if (resize_mode !== 0)
      throw new InvalidRequestError([
        { field: "resize_mode", message: "must be 0: say how large by upscaling_resize" },
      ]);
    const file = fileOf(image, "image");
    if (upscaler === "None" || upscaler === "Lanczos") {
      const pixels = await decodeImage(file, "image", { maxPixels: limits.maxInputPixels });
      const [width, height] = [Math.round(pixels.width * scale), Math.round(pixels.height * scale)];
      if (width * height > limits.maxPixels)
        throw new InvalidRequestError([
          { field: "upscaling_resize", message: `makes more than ${limits.maxPixels} pixels` },
        ]);
      return Buffer.from(await encodeImage(await resizeImage(pixels, width, height), "png")).toString("base64");
    }
    const order = orderOf(c, "a1111");
    const input = { task: "upscale", scale, image: { base64: file.toString("base64") }, model: String(upscaler) };
    const { job } = await jobs.order({ ...order, input });
    await untilEnded(job, order.signal);
    if (job.error !== undefined) throw job.error;
    return Buffer.from(await job.images[0]!.bytes("png")).toString("base64");
  }

  /** Clients send back all that they were given, with one thing changed. */
  async function changed(before: A1111Options, body: unknown): Promise<A1111Options> {
    const {
      sd_model_checkpoint: model,
      CLIP_stop_at_last_layers: layers,
      samples_format: format,
      show_progress_every_n_steps: every,
      ...others
    } = {
      ...before,
      ...(body as Partial<A1111Options>),
    };
    const issues: Issue[] = [];
    const layersOk = Number.isInteger(layers) && layers >= 1 && layers <= 12;
    if (!layersOk) issues.push({ field: "CLIP_stop_at_last_layers", message: "must be a whole number from 1 to 12" });
    if (!Number.isInteger(every) || every < -1)
      issues.push({ field: "show_progress_every_n_steps", message: "must be a whole number" });
    const named = format === ("jpg" as string) ? "jpeg" : format;
    if (!imageFormats.includes(named))
      issues.push({ field: "samples_format", message: `must be one of ${imageFormats.join(", ")}` });
    for (const field of Object.keys(others)) issues.push({ field, message: "is no option of this server" });
    if (issues.length > 0) throw new InvalidRequestError(issues);
    if (model) await names.model(model.replace(/ \[[0-9a-f]{8,}\]$/, ""));
    return {
      sd_model_checkpoint: model,
      CLIP_stop_at_last_layers: layers,
      samples_format: named,
      show_progress_every_n_steps: every,
    };
  }

  /** A1111 can paint where the mask is black. */
  async function invertedMask(input: Record<string, unknown>, body: object): Promise<Record<string, unknown>> {
    const isInverted = [1, true].includes(
      (body as { inpainting_mask_invert?: number | boolean }).inpainting_mask_invert ?? 0,
    );
    if (!isInverted || input.mask === undefined) return input;
    const file = fileOf((input.mask as { base64?: string }).base64, "mask");
    const pixels = await decodeImage(file, "mask", { maxPixels: limits.maxInputPixels, opaque: true });
    const data = pixels.data.map((value) => 255 - value);
    return {
      ...input,
      mask: { base64: Buffer.from(await encodeImage({ ...pixels, data }, "png")).toString("base64") },
    };
  }
}

function fileOf(value: unknown, field: string): Buffer {
  const issues: Issue[] = [];
  const source = sourceOf(value, field, issues) as { base64?: string };
  if (source.base64 === undefined) issues.push({ field, message: "must be a picture's file as base64" });
  if (issues.length > 0) throw new InvalidRequestError(issues);
  return Buffer.from(source.base64!, "base64");
}
