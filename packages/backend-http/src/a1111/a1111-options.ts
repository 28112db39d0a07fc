import { registerSecret } from "@latentkit/core";
import type { Dispatcher } from "undici";
import { z } from "zod";
import { checkHeaders, parseOptions, parseUrl, sharedShape } from "../http-options.ts";

const OptionsSchema = z.strictObject({
  ...sharedShape,
  auth: z
    .string()
    .regex(/^[^:]+:.+$/, "must be user:password")
    .optional(),
  pollMs: z.number().positive().default(500),
  stallMs: z.number().positive().default(1_800_000),
  interrupts: z.enum(["ours", "any"]).default("ours"),
});

/** Settings of a server that speaks A1111's API (`/sdapi/v1`). */
export interface A1111Options {
  /** Address, such as `http://127.0.0.1:7860`. */
  url: string;
  /** `user:password`, where the server asks for them (`--api-auth`). */
  auth?: string | undefined;
  /** Checkpoint for requests that name none. Default: the one that is loaded there. */
  model?: string | undefined;
  headers?: Record<string, string> | undefined;
  /** How often progress is asked for, in milliseconds. Default 500. */
  pollMs?: number | undefined;
  /** A server that neither answers nor tells of any progress for so long has lost the job, in milliseconds. Default 30 min. */
  stallMs?: number | undefined;
  /**
   * Whose job a cancel may stop on a server that does not tell whose job it is that runs: `"ours"`, the default, stops none there; `"any"` stops
   * whichever runs.
   */
  interrupts?: "ours" | "any" | undefined;
  /** Longest wait for an answer other than that of the picture itself, in milliseconds. Default 60 s. */
  timeoutMs?: number | undefined;
  /** How long a cancel may take, in milliseconds. Default 8 s. */
  cancelMs?: number | undefined;
  dispatcher?: Dispatcher | undefined;
}

/** Options with defaults filled in. */
export type ResolvedA1111Options = Omit<z.output<typeof OptionsSchema>, "url"> & { url: URL };

/** @throws ConfigError naming the option. */
export function resolveA1111Options(input: A1111Options | Record<string, unknown>): ResolvedA1111Options {
  const { auth, ...rest } = parseOptions("a1111", OptionsSchema, input);
  registerSecret(auth?.slice(auth.indexOf(":") + 1));
  const basic = auth === undefined ? undefined : `Basic ${Buffer.from(auth).toString("base64")}`;
  registerSecret(basic?.slice(6));
  const headers = { ...rest.headers, ...(basic === undefined ? {} : { authorization: basic }) };
  checkHeaders("a1111", headers);
  return { ...rest, ...(auth === undefined ? {} : { auth }), headers, url: parseUrl("a1111", rest.url) };
}
