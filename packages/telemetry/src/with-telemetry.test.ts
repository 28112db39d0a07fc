import { createClient, type GenerationRequest, parseRequest } from "@latentkit/core";
import { describeBackend, memoryBackend } from "@latentkit/testing";
import { context, propagation, SpanKind, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { traceFrom, traceInto } from "./trace-carrier.ts";
import { withTelemetry } from "./with-telemetry.ts";

const exporter = new InMemorySpanExporter();
beforeAll(() => {
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
});
afterEach(() => exporter.reset());
afterAll(() => [trace, context, propagation].forEach((each) => void each.disable()));

const fails = (prompt: string, index: number) => prompt === "fail" || (prompt === "half" && index === 1);

describeBackend("with telemetry", async () => {
  const memory = memoryBackend({ fails, resumable: true });
  return {
    backend: withTelemetry(memory),
    request: { prompt: "a", width: 16, height: 16 },
    longRequest: { prompt: "a", steps: 500 },
    unsupported: { request: { task: "upscale", image: { base64: "AAAA" }, scale: 2 }, field: "task" },
    failing: { prompt: "fail" },
    partlyFailing: { prompt: "half", count: 3 },
    workBegun: () => memory.begun,
    isIdle: () => memory.running === 0,
    teardown: () => memory.dispose(),
  };
});

describe("a job's span", () => {
  const tracer = () => trace.getTracer("a program");
  const clientOf = (options = {}) => createClient({ backend: withTelemetry(memoryBackend({ fails, ...options })) });

  it("hangs under the caller's, has the job's steps and none of its words", async () => {
    const client = clientOf();
    const caller = tracer().startSpan("a visit");
    await context.with(trace.setSpan(context.active(), caller), () =>
      client.generate({ prompt: "a secret wish", seed: 7, steps: 3, count: 2 }),
    );
    caller.end();
    const [span, visit] = exporter.getFinishedSpans();
    expect(span!.parentSpanContext?.spanId).toBe(visit!.spanContext().spanId);
    expect(span).toMatchObject({
      kind: SpanKind.CLIENT,
      status: { code: 1 },
      attributes: {
        "gen_ai.operation.name": "generate_image",
        "gen_ai.provider.name": "memory",
        "gen_ai.request.seed": 7,
        "gen_ai.request.choice.count": 2,
        "gen_ai.response.model": "stripes",
      },
    });
    const named = (name: string) => span!.events.filter((event) => event.name === name);
    expect([named("step").length, named("image").length]).toEqual([6, 2]);
    expect(JSON.stringify([span!.attributes, span!.events])).not.toContain("secret");
    await client.dispose();
  });

  it("says how a job failed, or that it was cancelled, and ends once", async () => {
    const client = clientOf({ stepMs: 5 });
    await client.generate({ prompt: "fail" }).catch(() => {});
    const job = client.generate({ prompt: "a", steps: 500 });
    setTimeout(() => job.cancel(), 30);
    await job.catch(() => {});
    await client.dispose();
    expect(
      exporter.getFinishedSpans().map(({ attributes, status }) => [attributes["error.type"], status.code]),
    ).toEqual([
      ["generation", 2],
      ["aborted", 2],
    ]);
  });

  it("goes over to another process by what stands for its trace", () => {
    const caller = tracer().startSpan("a visit");
    const carrier = traceInto(trace.setSpan(context.active(), caller));
    expect(Object.keys(carrier)).toContain("traceparent");
    expect(trace.getSpanContext(traceFrom(carrier))).toMatchObject({
      traceId: caller.spanContext().traceId,
      isRemote: true,
    });
    expect(trace.getSpanContext(traceFrom(undefined))).toBeUndefined();
    for (const none of ["none", 7, null, [], { traceparent: 7, tracestate: {}, baggage: 7 }, { traceparent: "00-x" }])
      expect(trace.getSpanContext(traceFrom(none as never))).toBeUndefined();
    caller.end();
  });

  it("is well for one who reads to the end and no further, as a queue's worker does", async () => {
    const memory = memoryBackend();
    const signal = new AbortController().signal;
    const request = parseRequest({ prompt: "a" }) as GenerationRequest;
    for await (const event of withTelemetry(memory).generate(request, { signal }))
      if (event.type === "completed") break;
    expect(exporter.getFinishedSpans().map(({ status }) => status.code)).toEqual([1]);
    await memory.dispose();
  });
});
