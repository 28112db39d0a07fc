import type { Client, LatentKitError } from "@latentkit/core";
import type { Context } from "hono";
import type { Access } from "./access/access.ts";
import type { Telling } from "./jobs/describe-job.ts";
import type { Jobs, Order } from "./jobs/jobs.ts";
import type { BodyBudget } from "./request/body-budget.ts";
import type { Names } from "./request/names.ts";
import type { ResolvedOptions } from "./server-options.ts";
import type { Telemetry } from "./telemetry.ts";
import type { Uploads } from "./uploads.ts";

/** What a request brings along, beside itself. */
export interface Bindings {
  Variables: {
    requestId: string;
    /** Name of the caller's key; `""` where none is asked for. */
    caller: string;
    /** The job that the request was about, for the log. */
    job?: string;
    error?: LatentKitError;
    /** Bytes of the request's body, until it is answered. */
    release?: () => void;
  };
}

/** A request on its way. */
export type Call = Context<Bindings>;

/** Everything that a route needs. */
export interface ServerContext {
  client: Client;
  options: ResolvedOptions;
  access: Access;
  names: Names;
  uploads: Uploads;
  budget: BodyBudget;
  jobs: Jobs;
  telling: Telling;
  telemetry: Telemetry;
}

/** What every order of a call has. */
export function orderOf(c: Call, dialect: string): Omit<Order, "input"> {
  return {
    owner: c.get("caller"),
    requestId: c.get("requestId"),
    dialect,
    idempotencyKey: c.req.header("idempotency-key"),
    signal: c.req.raw.signal,
  };
}
