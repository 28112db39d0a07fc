import { eventually } from "@latentkit/testing";
import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { expect, it, onTestFinished } from "vitest";
import { harness } from "./testing/harness.ts";

it("has a span for each job, with its steps and without its prompt, and counts for Prometheus", async () => {
  const exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  onTestFinished(() => [trace, context, propagation].forEach((each) => void each.disable()));
  const { call } = await harness({}, { fails: (prompt) => prompt === "fail" });
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const asked = { prompt: "a secret wish", seed: 7, steps: 3, count: 2 };
  await call("/v1/jobs?wait=true", { json: asked, headers: { traceparent } });
  await call("/v1/jobs?wait=true", { json: { prompt: "fail" } });
  expect(await eventually(() => exporter.getFinishedSpans().length === 2)).toBe(true);
  const [drawn, failed] = exporter.getFinishedSpans();
  expect(drawn!.spanContext().traceId, "the caller's").toBe("0af7651916cd43dd8448eb211c80319c");
  expect(drawn!.parentSpanContext?.spanId).toBe("b7ad6b7169203331");
  expect(drawn).toMatchObject({
    name: "generate_image",
    attributes: {
      "gen_ai.provider.name": "memory",
      "gen_ai.output.type": "image",
      "gen_ai.request.seed": 7,
      "gen_ai.request.choice.count": 2,
      "gen_ai.response.model": "stripes",
    },
  });
  expect(drawn!.events.filter(({ name }) => name === "step")).toHaveLength(6);
  expect(failed).toMatchObject({ attributes: { "error.type": "generation" }, status: { code: 2 } });
  expect(JSON.stringify([drawn!.attributes, drawn!.events])).not.toContain("secret");
  const { text, headers } = await call("/metrics");
  expect(headers.get("content-type")).toMatch(/^text\/plain/);
  expect(text).toContain('latentkit_jobs_total{outcome="completed",dialect="latentkit"} 1');
  expect(text).toContain('latentkit_jobs_total{outcome="failed",dialect="latentkit"} 1');
  expect(text).toContain("latentkit_images_total 2");
  expect(text).toContain('latentkit_http_seconds_count{route="/v1/jobs",method="POST",status="200"} 1');
  expect(text).toMatch(/latentkit_http_seconds_bucket\{le="5",route="\/v1\/jobs",method="POST",status="200"\} \d/);
  expect(text).toContain("latentkit_jobs_unfinished 0");
});
