import type { ServerResponse } from "node:http";
import type { SeenCall } from "./fake-state.ts";

/** Something that goes wrong with a call, `times` times, after `skip` calls that go well. */
export interface Fault {
  method?: string;
  path: RegExp;
  times?: number;
  skip?: number;
  kind: /** The connection is cut before anything is done. */
    | { cut: "before" }
    /** The call is done, and the connection cut before its answer, `lateMs` later. */
    | { cut: "after"; lateMs?: number }
    /** The answer stops in the middle, though its length was promised. */
    | { cut: "middle" }
    | { status: number; body?: string; headers?: Record<string, string> }
    /** The answer begins, and its body does not go on. */
    | { cut: "never" }
    /** The answer waits. */
    | { delayMs: number };
}

/** The fault that a call meets, counted down. */
export function meetFault(faults: Fault[], call: SeenCall): Fault["kind"] | undefined {
  const fault = faults.find(({ method, path }) => (method ?? call.method) === call.method && path.test(call.path));
  if (fault === undefined) return undefined;
  if ((fault.skip ?? 0) > 0) {
    fault.skip = fault.skip! - 1;
    return undefined;
  }
  fault.times = (fault.times ?? 1) - 1;
  if (fault.times <= 0) faults.splice(faults.indexOf(fault), 1);
  return fault.kind;
}

/** Promises a whole body and sends half of it. */
export function sendHalf(reply: ServerResponse, body: Uint8Array, type: string): void {
  reply.writeHead(200, { "content-type": type, "content-length": body.length });
  reply.write(body.subarray(0, body.length >> 1), () => reply.destroy());
}
