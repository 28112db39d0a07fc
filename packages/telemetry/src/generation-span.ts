import { type GenerationEvent, type GenerationRequest, type JobEvent, LatentKitError, version } from "@latentkit/core";
import {
  type Attributes,
  type Context,
  context,
  metrics,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";

/** What is known of a job beside its request. */
export interface SpanFacts {
  /** Id of the backend. */
  backend: string;
  /** Where the span hangs. Default: the active context. */
  parent?: Context;
  kind?: SpanKind;
  attributes?: Attributes;
}

/**
 * A job as a span, by OpenTelemetry's conventions for generative AI (https://opentelemetry.io/docs/specs/semconv/gen-ai/), with a measurement of
 * `gen_ai.client.operation.duration` at its end. No prompt stands in either, and no picture.
 */
export class GenerationSpan {
  readonly #span: Span;
  readonly #begin = performance.now();
  readonly #about: Attributes;
  #isOver = false;
  /** The context that the job is to be worked on in. */
  readonly context: Context;

  constructor(request: GenerationRequest, { backend, parent = context.active(), kind, attributes }: SpanFacts) {
    const { model, seed, count, task } = request;
    this.#about = {
      "gen_ai.operation.name": "generate_image",
      "gen_ai.provider.name": backend,
      "gen_ai.output.type": "image",
      ...(model === undefined ? {} : { "gen_ai.request.model": model }),
    };
    this.#span = trace.getTracer("@latentkit/telemetry", version).startSpan(
      `generate_image${model === undefined ? "" : ` ${model}`}`,
      {
        kind: kind ?? SpanKind.CLIENT,
        attributes: {
          ...this.#about,
          "gen_ai.request.choice.count": count,
          "latentkit.task": task,
          ...(seed === undefined ? {} : { "gen_ai.request.seed": Number(seed) }),
          ...attributes,
        },
      },
      parent,
    );
    this.context = trace.setSpan(parent, this.#span);
  }

  /** Notes what happens to the job. */
  note(event: GenerationEvent | JobEvent): void {
    if (event.type === "queued") this.#span.addEvent("queued");
    if (event.type === "started") {
      this.#span.addEvent("started");
      if (event.model !== undefined) this.#span.setAttribute("gen_ai.response.model", event.model.id);
    }
    if (event.type === "progress") {
      const { phase, step, steps } = event;
      this.#span.addEvent("step", { phase, step, steps });
    }
    if (event.type === "image") this.#span.addEvent("image", { index: event.index });
    if (event.type === "warning") this.#span.addEvent("warning", { code: event.code });
  }

  /** The job has ended: well, or with an error. What comes after is passed over. */
  end(error?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const code = error === undefined ? undefined : LatentKitError.isInstance(error) ? error.code : "_OTHER";
    if (code === undefined) this.#span.setStatus({ code: SpanStatusCode.OK });
    else {
      this.#span.setAttribute("error.type", code);
      // An error's message may name what was asked for.
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message: code });
    }
    this.#span.end();
    const seconds = (performance.now() - this.#begin) / 1000;
    metrics
      .getMeter("@latentkit/telemetry", version)
      .createHistogram("gen_ai.client.operation.duration", {
        unit: "s",
        description: "From the order to the end of a job",
      })
      .record(seconds, { ...this.#about, ...(code === undefined ? {} : { "error.type": code }) });
  }
}
