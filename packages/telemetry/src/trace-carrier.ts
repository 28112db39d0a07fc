import { type Context, context, propagation, ROOT_CONTEXT } from "@opentelemetry/api";

/** What stands for a trace on its way to another process: W3C's `traceparent` and its like, as the program's propagator writes them. */
export type TraceCarrier = Readonly<Record<string, string>>;

/** The trace that is active here, for another process; nothing where there is none. */
export function traceInto(from: Context = context.active()): TraceCarrier {
  const carrier: Record<string, string> = {};
  propagation.inject(from, carrier);
  return carrier;
}

/** The trace that another process gave, as a context to work in. */
export function traceFrom(carrier: TraceCarrier | undefined): Context {
  return propagation.extract(ROOT_CONTEXT, carrier ?? {});
}
