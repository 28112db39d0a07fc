import { HttpResponse } from "msw";
import type { z } from "zod";
import { ErrorBodySchema } from "../api/error-body.ts";

/** An answer that must fit its schema: a fake that strays from the API is found out at once. */
export function json(schema: z.ZodType, value: unknown, status = 200): Response {
  schema.parse(value);
  return HttpResponse.json(value as never, { status });
}

/** An error as Replicate writes it. */
export function problem(status: number, detail: string, headers: Record<string, string> = {}): Response {
  const body = ErrorBodySchema.parse({ title: "Problem", detail, status });
  return HttpResponse.json(body as never, { status, headers });
}
