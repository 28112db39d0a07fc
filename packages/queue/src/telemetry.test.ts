import { createClient } from "@latentkit/core";
import { eventually, memoryBackend } from "@latentkit/testing";
import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { expect, it, onTestFinished } from "vitest";
import { queue } from "./queue-backend.ts";
import { redisProgram, startRedis } from "./testing/redis-server.ts";
import { startWorker } from "./worker.ts";

it.skipIf(redisProgram === undefined)("a worker's span hangs under the one that the job was ordered in", async () => {
  const exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const redis = await startRedis();
  const backend = memoryBackend({ stepMs: 1 });
  const worker = await startWorker(backend, { connection: redis.url });
  const client = createClient({ backend: queue({ connection: redis.url }) });
  onTestFinished(async () => {
    await client.dispose();
    await worker.close(0);
    await backend.dispose();
    await redis.close();
    for (const each of [trace, context, propagation]) each.disable();
  });
  const caller = trace.getTracer("a program").startSpan("a visit");
  await context.with(trace.setSpan(context.active(), caller), () => client.generate({ prompt: "a", steps: 2 }));
  caller.end();
  const drawn = () => exporter.getFinishedSpans().find(({ name }) => name.startsWith("generate_image"));
  expect(await eventually(() => drawn() !== undefined)).toBe(true);
  expect(drawn()!.parentSpanContext?.spanId).toBe(caller.spanContext().spanId);
  expect(drawn()!.attributes["gen_ai.provider.name"]).toBe("memory");
  expect(drawn()!.status.code, "it is well").toBe(1);
});
