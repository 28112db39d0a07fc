import { type Context, context, propagation, ROOT_CONTEXT } from "@opentelemetry/api";

/** What stands for a trace on its way to another process: W3C's `traceparent` and its like, as the program's propagator writes them. */
export type TraceCarrier = Readonly<Record<string, string>>;

/** The trace that is active here, for another process; nothing where there is none. */
export function traceInto(from: Context = context.active()): TraceCarrier {
  const carrier: Record<string, string> = {};
  propagation.inject(from, carrier);
  return carrier;
}

/** The trace that another process gave, as a context to work in. What is none is passed over: no job fails for want of its trace. */
export function traceFrom(carrier: TraceCarrier | undefined): Context {
  if (typeof carrier !== "object" || carrier === null) return ROOT_CONTEXT;
  const texts = Object.entries(carrier).filter(([, value]) => typeof value === "string");
  try {
    return propagation.extract(ROOT_CONTEXT, Object.fromEntries(texts));
  } catch {
    return ROOT_CONTEXT;
  }
}
