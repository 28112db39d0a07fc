import { setTimeout as sleep } from "node:timers/promises";
import {
  AbortedError,
  type CallOptions,
  GenerationError,
  type GenerationEvent,
  type GenerationRequest,
  TimeoutError,
} from "@latentkit/core";
import * as z from "zod";
import { checkPicture } from "../check-picture.ts";
import type { ServerCalls } from "../server-calls.ts";
import { callOf } from "./a1111-body.ts";
import type { ResolvedA1111Options } from "./a1111-options.ts";
import type { A1111Lists } from "./a1111-server.ts";

const backend = "a1111";

const count = z.number().optional().catch(undefined);
const text = z.string().nullish().catch(undefined);

const ProgressSchema = z.looseObject({
  progress: z.number(),
  eta_relative: count,
  state: z.looseObject({ sampling_step: count, sampling_steps: count, job_no: count }).nullish().catch(undefined),
  current_image: text,
  /** Of newer servers: the id of the job that runs. */
  current_task: text,
});
type Progress = z.output<typeof ProgressSchema>;

const AnswerSchema = z.looseObject({
  images: z.array(z.string()).nullish(),
  image: z.string().nullish(),
  info: text,
});
type Answer = z.output<typeof AnswerSchema>;

/** One request on such a server: a call that lasts as long as the drawing, and questions beside it about how far it is. */
export class A1111Run {
  readonly #calls: ServerCalls;
  readonly #options: ResolvedA1111Options;
  /** The id that the server knows the job by. */
  readonly #task = `task(${crypto.randomUUID()})`;
  /** Whether this server tells whose job runs. */
  #tells: boolean | undefined;
  #isOurs = false;

  constructor(calls: ServerCalls, options: ResolvedA1111Options) {
    this.#calls = calls;
    this.#options = options;
  }

  async *events(request: GenerationRequest, lists: A1111Lists, options: CallOptions): AsyncGenerator<GenerationEvent> {
    const { signal } = options;
    const { stallMs } = this.#options;
    signal.throwIfAborted();
    const call = await callOf(request, this.#task, lists, options);
    signal.throwIfAborted();
    yield { type: "queued" };
    const lost = new AbortController();
    const answer = this.#calls.json({
      method: "POST",
      path: `/sdapi/v1/${call.path}`,
      body: call.body,
      signal: AbortSignal.any([signal, lost.signal]),
      headMs: 0,
      maxBytes: longestAnswer(request),
      schema: AnswerSchema,
    });
    let isOver = false;
    const ended = answer.then(
      () => true,
      () => true,
    );
    let hasStarted = false;
    try {
      let image: string | null | undefined;
      let [share, step, phaseSteps] = [0, 0, 0];
      let [sign, signAt] = ["", performance.now()];
      while (!(await Promise.race([ended, sleep(this.#options.pollMs, false)]))) {
        signal.throwIfAborted();
        const told = await this.#progress(request.previewEvery > 0, signal);
        const shown = JSON.stringify([told?.progress, told?.state, told?.current_task]);
        if (shown !== sign) [sign, signAt] = [shown, performance.now()];
        if (performance.now() - signAt > stallMs)
          lost.abort(
            new TimeoutError(`The server neither answered nor went on for ${stallMs} ms (stallMs).`, { backend }),
          );
        if (told === undefined || !this.#isOurs) continue;
        if (!hasStarted) yield { type: "started" };
        hasStarted = true;
        const { sampling_step = 0, sampling_steps = 0 } = told.state ?? {};
        if (sampling_steps > 0 && told.progress >= share && (sampling_step !== step || sampling_steps !== phaseSteps)) {
          [share, step, phaseSteps] = [told.progress, sampling_step, sampling_steps];
          const etaMs = told.eta_relative ? { etaMs: Math.round(told.eta_relative * 1000) } : {};
          const index = request.count > 1 ? { index: told.state?.job_no ?? 0 } : {};
          yield {
            type: "progress",
            phase: "sample",
            step: Math.min(step, phaseSteps),
            steps: phaseSteps,
            fraction: Math.min(1, share),
            ...etaMs,
            ...index,
          };
        }
        if (told.current_image && told.current_image !== image) {
          image = told.current_image;
          yield { type: "preview", index: told.state?.job_no ?? 0, step, image: encoded(image) };
        }
      }
      const result = await answer;
      isOver = true;
      if (!hasStarted) yield { type: "started" };
      yield* told(result, request);
    } catch (error) {
      if (!signal.aborted && !lost.signal.aborted) isOver = true;
      throw signal.aborted && !AbortedError.isInstance(error) ? signal.reason : error;
    } finally {
      if (!isOver) await this.#stop();
    }
  }

  async #progress(withImage: boolean, signal: AbortSignal): Promise<Progress | undefined> {
    const told = await this.#calls
      .json({
        method: "GET",
        path: `/sdapi/v1/progress?skip_current_image=${!withImage}`,
        signal,
        maxBytes: 64 * 2 ** 20,
        schema: ProgressSchema,
      })
      // A server without progress, or one that is too busy to tell, draws all the same.
      .catch(() => undefined);
    if (told === undefined) return undefined;
    this.#tells ??= told.current_task !== undefined;
    this.#isOurs = this.#tells ? told.current_task === this.#task : told.progress > 0;
    return told;
  }

  /** The connection is closed already. What runs there is stopped if it is ours: the server has one button for all. */
  async #stop(): Promise<void> {
    const deadline = Date.now() + this.#options.cancelMs;
    const signal = AbortSignal.timeout(this.#options.cancelMs);
    while (Date.now() < deadline) {
      const told = await this.#progress(false, signal);
      if (told === undefined) return;
      if (this.#tells ? this.#isOurs : this.#options.interrupts === "any" && told.progress > 0)
        await this.#calls
          .bytes({ method: "POST", path: "/sdapi/v1/interrupt", body: {}, signal, isSafe: true })
          .catch(() => {});
      else return;
      await sleep(50);
    }
  }
}

/** What pictures of such sizes may take as PNG in base64, and the settings beside them. */
function longestAnswer({ count, width = 2048, height = 2048, hires, ...request }: GenerationRequest): number {
  const scale = request.task === "upscale" ? request.scale : (hires?.scale ?? 1);
  const pixels = Math.max(width * height, 2 ** 20) * Math.max(1, scale) ** 2;
  return Math.min(2 ** 30, 16 * 2 ** 20 + count * pixels * 6);
}

async function* told({ images, image, info }: Answer, request: GenerationRequest): AsyncGenerator<GenerationEvent> {
  const known = parseInfo(info);
  const all = image == null ? (images ?? []) : [image];
  // A grid of all may stand before them.
  const first = image == null && known.index_of_first_image === 1 ? 1 : 0;
  const pictures = all.slice(first, first + request.count);
  if (pictures.length === 0) throw new GenerationError("The server answered without a picture.", { backend });
  const seeds = Array.isArray(known.all_seeds) ? (known.all_seeds as unknown[]) : [];
  for (const [index, picture] of pictures.entries()) {
    const seed = seeds[index];
    await checkPicture(Buffer.from(dataOf(picture), "base64"), backend);
    yield { type: "image", index, ...(typeof seed === "number" && seed >= 0 ? { seed } : {}), image: encoded(picture) };
  }
  for (let index = pictures.length; index < request.count; index++) {
    const error = new GenerationError(`The server gave ${pictures.length} of ${request.count} pictures.`, { backend });
    yield { type: "warning", code: "image_failed", message: error.message, index, error: error.toJSON() };
  }
  yield { type: "completed", resolved: resolvedOf(known, request) };
}

function resolvedOf(known: Record<string, unknown>, request: GenerationRequest): Partial<GenerationRequest> {
  const positive = (value: unknown) => (typeof value === "number" && value > 0 ? value : undefined);
  const resolved = {
    width: positive(known.width),
    height: positive(known.height),
    steps: positive(known.steps),
    guidanceScale: positive(known.cfg_scale),
    seed: request.seed ?? (typeof known.seed === "number" && known.seed >= 0 ? known.seed : undefined),
  };
  return Object.fromEntries(Object.entries(resolved).filter(([, value]) => value !== undefined));
}

/** It is JSON in a text. */
function parseInfo(info: string | null | undefined): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(info ?? "{}");
    return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function encoded(text: string) {
  const base64 = dataOf(text);
  const mediaType = base64.startsWith("/9j/") ? "image/jpeg" : base64.startsWith("UklGR") ? "image/webp" : "image/png";
  return { kind: "encoded" as const, mediaType, base64 };
}

function dataOf(text: string): string {
  return text.replace(/^data:[^,]{0,200},/, "");
}
