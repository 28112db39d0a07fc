import { describe, expect, it } from "vitest";
import { networkError, socketError, statusError } from "./comfy-error.ts";

describe("statusError", () => {
  it.each([
    ["7", 7000],
    ["0.5", 500],
    [undefined, 1000],
    ["soon", 1000],
    // A date that has passed asks for nothing: our own pause stands.
    [new Date(Date.now() - 60_000).toUTCString(), 1000],
  ])("waits for as long as Retry-After %s asks", (retryAfter, retryAfterMs) => {
    const error = statusError(429, "", "POST /prompt", retryAfter);
    expect(error).toMatchObject({ code: "rate_limit", retryable: true, details: { retryAfterMs } });
  });

  it("reads a date in Retry-After", () => {
    const { details } = statusError(429, "", "POST /prompt", new Date(Date.now() + 3_600_000).toUTCString());
    expect(details["retryAfterMs"]).toBeGreaterThan(3_000_000);
    expect(details["retryAfterMs"]).toBeLessThanOrEqual(3_600_000);
  });
});

const coded = (code: string) => Object.assign(new Error(code), { code });

describe("networkError and socketError", () => {
  it("take a refused certificate for what trying again does not mend", () => {
    const cause = coded("DEPTH_ZERO_SELF_SIGNED_CERT");
    const url = "wss://gpu.test/ws?token=s3cret";
    for (const error of [networkError(cause, "https://gpu.test"), socketError({ error: cause }, url)]) {
      expect(error).toMatchObject({ code: "connection", retryable: false, message: expect.stringContaining("`ca`") });
    }
    expect(networkError(coded("ECONNREFUSED"), "http://gpu.test")).toMatchObject({ retryable: true });
    expect(socketError({ error: coded("ECONNREFUSED") }, url)).toMatchObject({ retryable: true });
  });

  it("show no more of a socket's address than where it is", () => {
    const { message, details } = socketError({ status: 403 }, "wss://me:pass@gpu.test/x/ws?token=s3cret");
    expect(message).toBe("No WebSocket could be opened at wss://gpu.test/x/ws: the server answered HTTP 403.");
    expect(details).toMatchObject({ status: 403, url: "wss://gpu.test/x/ws" });
  });
});
