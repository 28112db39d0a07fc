import { ConnectionError, RateLimitError } from "@latentkit/core";
import { describe, expect, it } from "vitest";
import { connectionError, errorOfResponse } from "../replicate-error.ts";
import { mayRetry, withRetries } from "./retry.ts";
import { retryAfterMs } from "./retry-after.ts";

const broken = (code: string) => connectionError("POST /predictions", Object.assign(new Error(code), { code }));
const answered = (status: number, retryAfterMs?: number) =>
  errorOfResponse({ method: "POST", path: "/predictions", status, body: "{}", retryAfterMs });

describe("what may be repeated", () => {
  it.each(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"])(
    "a create after %s: it never arrived",
    (code) => {
      expect(mayRetry(broken(code), false)).toBe(true);
    },
  );

  it.each(["ECONNRESET", "UND_ERR_SOCKET", "UND_ERR_HEADERS_TIMEOUT", "EPIPE", "UND_ERR_BODY_TIMEOUT"])(
    "no create after %s: it may have arrived",
    (code) => {
      expect(mayRetry(broken(code), false)).toBe(false);
      expect(mayRetry(broken(code), true)).toBe(true);
    },
  );

  it("a create that the server says it did not take", () => {
    expect(mayRetry(answered(429), false)).toBe(true);
    expect(mayRetry(answered(503, 1000), false)).toBe(true);
    expect(mayRetry(answered(503), false)).toBe(false);
    for (const status of [500, 502, 504]) expect(mayRetry(answered(status), false)).toBe(false);
    for (const status of [500, 502, 503]) expect(mayRetry(answered(status), true)).toBe(true);
    for (const status of [400, 401, 404, 422]) expect(mayRetry(answered(status), true)).toBe(false);
  });
});

describe("Retry-After", () => {
  it("is read from seconds, a date, or the body", () => {
    expect(retryAfterMs("10", "")).toBe(10_000);
    expect(retryAfterMs("Wed, 21 Oct 2026 07:28:00 GMT", "", Date.parse("2026-10-21T07:27:30Z"))).toBe(30_000);
    expect(retryAfterMs(undefined, '{"detail":"Request was throttled. Your rate limit resets in ~30s."}')).toBe(30_000);
    expect(retryAfterMs(undefined, "no")).toBeUndefined();
    expect(retryAfterMs("soon", "")).toBeUndefined();
  });

  it("is waited for, with jitter, and does not use up the attempts", async () => {
    const waits: number[] = [];
    let calls = 0;
    const attempt = async () => {
      if (++calls <= 6) throw answered(429, 1000);
      return "done";
    };
    const wait = async (ms: number) => void waits.push(ms);
    expect(await withRetries(attempt, { retries: 2, minDelayMs: 0, idempotent: false, wait })).toBe("done");
    expect(waits).toHaveLength(6);
    for (const ms of waits) {
      expect(ms).toBeGreaterThanOrEqual(1000);
      expect(ms).toBeLessThanOrEqual(1100);
    }
    expect(new Set(waits).size).toBeGreaterThan(1);
  });

  it("is not waited for beyond the patience", async () => {
    const attempt = () => Promise.reject(answered(429, 60_000));
    const wait = () => expect.unreachable("it should not wait");
    const error = await withRetries(attempt, { rateLimitPatienceMs: 1000, idempotent: true, wait }).catch(
      (e: unknown) => e,
    );
    expect(RateLimitError.isInstance(error) && error.details.retryAfterMs).toBe(60_000);
  });
});

describe("attempts", () => {
  it("end after the number that was asked for", async () => {
    let calls = 0;
    const attempt = async () => {
      calls++;
      throw broken("ECONNREFUSED");
    };
    const error = await withRetries(attempt, {
      retries: 3,
      minDelayMs: 0,
      maxDelayMs: 1,
      idempotent: false,
      wait: async () => {},
    }).catch((reason: unknown) => reason);
    expect(ConnectionError.isInstance(error)).toBe(true);
    expect(calls).toBe(4);
  });

  it("return what succeeded although the signal aborted meanwhile", async () => {
    const controller = new AbortController();
    const attempt = async () => {
      controller.abort();
      return "created";
    };
    const call = { idempotent: false, signal: controller.signal, wait: async () => {} };
    expect(await withRetries(attempt, call)).toBe("created");
  });
});
