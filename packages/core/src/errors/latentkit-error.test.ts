import { describe, expect, it } from "vitest";
import { registerSecret } from "../redact.ts";
import { ConnectionError } from "./connection-error.ts";
import { InvalidRequestError } from "./invalid-request-error.ts";
import { LatentKitError } from "./latentkit-error.ts";

describe("LatentKitError", () => {
  it("is recognised by its marker, also when it comes from another copy of the package", () => {
    const foreign = Object.assign(new Error("x"), { [Symbol.for("latentkit.error")]: true, code: "connection" });
    expect(LatentKitError.isInstance(foreign)).toBe(true);
    expect(ConnectionError.isInstance(foreign)).toBe(true);
    expect(InvalidRequestError.isInstance(foreign)).toBe(false);
    expect(LatentKitError.isInstance(new Error("x"))).toBe(false);
  });

  it("carries its cause, and stays serialisable", () => {
    const cause = new Error("socket hang up");
    const error = new ConnectionError("No answer.", { cause, backend: "comfy", details: { size: 12n } });
    expect(error.cause).toBe(cause);
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: "ConnectionError",
      code: "connection",
      message: "No answer.",
      retryable: true,
      backend: "comfy",
      details: { size: "12" },
    });
  });

  it.each([
    ["a bearer token", "Authorization: Bearer abcdef123456", "abcdef123456"],
    ["a Replicate token", "used r8_AbCdEf0123456789", "AbCdEf0123456789"],
    ["a signed URL", "https://x.test/a.png?X-Amz-Signature=deadbeef&b=1", "deadbeef"],
    ["an access token in a URL", "https://x.test/a.png?b=1&access_token=sekret99", "sekret99"],
    ["a session token in a URL", "https://x.test/a?X-Amz-Security-Token=sekret99", "sekret99"],
    ["a password in a URL", "http://me:hunter22@host/", "hunter22"],
    ["an API key header", '{"x-api-key":"topsecretvalue"}', "topsecretvalue"],
    ["a registered secret", "it was open-sesame!", "open-sesame!"],
  ])("never shows %s", (_name, text, secret) => {
    registerSecret("open-sesame!");
    const error = new LatentKitError("test", text, {
      details: { text, nested: [{ authorization: secret, refreshToken: secret, webhookSecret: secret }] },
    });
    expect(error.message).not.toContain(secret);
    expect(JSON.stringify(error)).not.toContain(secret);
    expect(error.message).toContain("[redacted]");
  });

  it("leaves ordinary text alone", () => {
    const text = "steps: must be 1 to 1000; see https://example.com/docs?page=2";
    expect(new LatentKitError("test", text).message).toBe(text);
  });
});
