export { GenerationSpan, type SpanFacts } from "./generation-span.ts";
export { type TraceCarrier, traceFrom, traceInto } from "./trace-carrier.ts";
export { withTelemetry } from "./with-telemetry.ts";
