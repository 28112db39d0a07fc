import { InvalidRequestError } from "@latentkit/core";
import { refuse } from "../http-error.ts";
import type { BodyBudget } from "./body-budget.ts";

/** A body and the way to let go of it. */
export interface Body {
  bytes: Uint8Array<ArrayBuffer>;
  release(): void;
}

/**
 * Reads a request's body, up to a limit, within what the server may hold.
 *
 * @throws HttpError 413 or 503; InvalidRequestError where the body ends early.
 */
export async function readBody(request: Request, maxBytes: number, budget: BodyBudget): Promise<Body> {
  const tooLarge = () => refuse("too_large", `The body is larger than ${maxBytes} bytes (maxBodyBytes).`, { maxBytes });
  const told = Number(request.headers.get("content-length") ?? 0);
  if (told > maxBytes) throw tooLarge();
  const parts: Uint8Array[] = [];
  const releases: (() => void)[] = [];
  const release = () => {
    for (const each of releases.splice(0)) each();
  };
  let length = 0;
  try {
    for await (const part of streamOf(request)) {
      length += part.length;
      if (length > maxBytes) throw tooLarge();
      releases.push(budget.hold(part.length));
      parts.push(part);
    }
    if (length < told) throw endedEarly();
    return { bytes: new Uint8Array(Buffer.concat(parts)), release };
  } catch (error) {
    release();
    throw error;
  }
}

async function* streamOf({ body }: Request): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  const reader = body.getReader();
  let isDone = false;
  try {
    while (!isDone) {
      const next = await reader.read().catch((cause: unknown) => {
        isDone = true;
        throw endedEarly(cause);
      });
      isDone = next.done;
      if (!next.done) yield next.value;
    }
  } finally {
    if (!isDone) reader.cancel().catch(() => {});
  }
}

function endedEarly(cause?: unknown): InvalidRequestError {
  return new InvalidRequestError([{ field: "", message: "the body ended before its told length" }], { cause });
}
