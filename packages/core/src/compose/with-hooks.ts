import type { Backend } from "../backend.ts";
import { checkCapabilities } from "../check-capabilities.ts";
import { ContentRefusedError } from "../errors/content-refused-error.ts";
import { UnsupportedError } from "../errors/unsupported-error.ts";
import type { GenerationEvent, ImageEvent } from "../events.ts";
import type { GenerationRequest } from "../request/request.ts";
import { wrapped } from "./wrap.ts";

/** What a hook is told beside its argument. */
export interface HookContext {
  backend: string;
  request: GenerationRequest;
  signal: AbortSignal;
}

/** How a job ended. */
export interface HookOutcome extends HookContext {
  /** Pictures that were passed on. */
  images: readonly ImageEvent[];
  /** What the backend measured: billed seconds, cost. */
  metrics: Record<string, unknown>;
  ms: number;
  /** Where it failed. */
  error?: unknown;
}

/** Functions around a backend's jobs. What they throw fails the job. */
export interface Hooks {
  /** Before a request is sent: may look at it, change it by returning another (which is held against the capabilities again), or refuse it by throwing. */
  before?(
    request: GenerationRequest,
    context: HookContext,
  ): GenerationRequest | undefined | Promise<GenerationRequest | undefined>;
  /** For each event: may change it by returning another, or keep it back by returning null; a picture that is kept back counts as failed, and a job of which every one is fails. */
  onEvent?(
    event: GenerationEvent,
    context: HookContext,
  ): GenerationEvent | null | undefined | Promise<GenerationEvent | null | undefined>;
  /** When a job has ended, well or not; before its `completed` event. */
  after?(outcome: HookOutcome): void | Promise<void>;
}

/**
 * Calls functions around each job: for moderation, logging, cost. What `before` changes stands in the recipe.
 *
 * @example
 * ```ts
 * withHooks(backend, { before: ({ prompt }) => { if (isRude(prompt)) throw new ContentRefusedError("No."); } });
 * ```
 */
export function withHooks(backend: Backend, hooks: Hooks): Backend {
  return wrapped(backend, async function* hooked(run, asked, { signal, resumed }) {
    const begin = performance.now();
    const images: ImageEvent[] = [];
    let metrics: Record<string, unknown> = {};
    let request = asked;
    const context = () => ({ backend: backend.id, request, signal });
    let ended = false;
    let hasKeptBack = false;
    const end = async (error?: unknown) => {
      if (ended) return;
      ended = true;
      await hooks.after?.({
        ...context(),
        images,
        metrics,
        ms: performance.now() - begin,
        ...(error === undefined ? {} : { error }),
      });
    };
    try {
      if (!resumed) request = (await hooks.before?.(request, context())) ?? request;
      if (request !== asked) await checkChanged(backend, request, signal);
      for await (const made of run(request)) {
        const told = hooks.onEvent === undefined ? made : await hooks.onEvent(made, context());
        const event = told === undefined ? made : told;
        if (event === null) {
          if (made.type !== "image") continue;
          hasKeptBack = true;
          yield keptBack(made, backend.id);
          continue;
        }
        if (event.type === "image") images.push(event);
        if (event.type === "completed") {
          if (hasKeptBack && images.length === 0)
            throw new ContentRefusedError("Every picture was kept back.", { backend: backend.id });
          metrics = event.metrics ?? {};
          await end();
        }
        yield event.type === "started" ? withChanges(event, asked, request) : event;
      }
    } catch (error) {
      await end(error);
      throw error;
    }
  });
}

/** What a hook asks for is held against the backend, as what a caller asks for was: nothing is passed over without a word. */
async function checkChanged(backend: Backend, request: GenerationRequest, signal: AbortSignal): Promise<void> {
  const issues = checkCapabilities(request, await backend.capabilities(request.model, { signal }));
  if (issues.length > 0) throw new UnsupportedError(issues, { backend: backend.id });
}

function withChanges(
  event: GenerationEvent & { type: "started" },
  asked: GenerationRequest,
  request: GenerationRequest,
) {
  const changed = Object.entries(request).filter(([key, value]) => (asked as Record<string, unknown>)[key] !== value);
  return changed.length === 0 ? event : { ...event, resolved: { ...Object.fromEntries(changed), ...event.resolved } };
}

function keptBack({ index, seed }: ImageEvent, backend: string): GenerationEvent {
  const message = `Picture ${index} was kept back.`;
  const error = {
    name: "ContentRefusedError",
    code: "content_refused",
    message,
    retryable: false,
    backend,
    details: {},
  };
  return { type: "warning", code: "image_failed", message, index, ...(seed === undefined ? {} : { seed }), error };
}
