import { describe, expect, it } from "vitest";
import { createClient } from "../client.ts";
import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import { LatentKitError } from "../errors/latentkit-error.ts";
import { parseRecipe } from "../recipe/recipe.ts";
import { redact } from "../redact.ts";
import { parseRequest } from "./parse-request.ts";

const issueOf = (input: object): unknown => {
  try {
    parseRequest(input);
  } catch (error) {
    return InvalidRequestError.isInstance(error) ? error.issues[0] : error;
  }
};
const long = (length: number, text = "1 ") => text.repeat(length / text.length);

describe("the bounds of a request", () => {
  it("has a limit for prompts, which is a client's option", async () => {
    expect(parseRequest({ prompt: long(32_768) })).toBeDefined();
    expect(issueOf({ prompt: long(1e6) })).toMatchObject({
      field: "prompt",
      message: expect.stringContaining("maxPromptLength"),
      allowed: { max: 32_768 },
    });
    expect(issueOf({ prompt: "a", negativePrompt: long(40_000) })).toMatchObject({ field: "negativePrompt" });
    expect(issueOf({ prompt: "a", conditioning: [{ kind: "text", prompt: long(40_000) }] })).toMatchObject({
      field: "conditioning[0].prompt",
    });
    const backend = {
      id: "none",
      generate: () => [],
      capabilities: async () => ({}),
      dispose: async () => {},
    } as never;
    const client = createClient({ backend, maxPromptLength: 5 });
    await expect(client.generate({ prompt: "abcdef" })).rejects.toMatchObject({
      issues: [{ field: "prompt", allowed: { max: 5 } }],
    });
    expect(() => createClient({ backend, maxPromptLength: 0 })).toThrow(/^maxPromptLength/);
  });

  it.each([
    ["sampler", { sampler: long(200_000) }, "sampler"],
    ["model", { model: long(5000) }, "model"],
    ["path", { task: "image-to-image", image: long(40_000, "a/") }, "image"],
    ["key", { [long(1000)]: 1 }, ""],
    ["list", { conditioning: Array.from({ length: 30_000 }, () => 1) }, "conditioning"],
    ["numbers", { sigmas: Array.from({ length: 1e6 }, (_, i) => 1e6 - i) }, "sigmas"],
    ["keys", Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`k${i}`, i])), ""],
  ])("has a limit for a %s, found at once and told in few words", (_, request, field) => {
    const begun = performance.now();
    expect(issueOf({ prompt: "a", ...request })).toMatchObject(field === "" ? {} : { field });
    expect(performance.now() - begun).toBeLessThan(1000);
  });

  it("is not nested without end", () => {
    let deep: unknown = 1;
    for (let i = 0; i < 50_000; i++) deep = [deep];
    expect(issueOf({ prompt: "a", backendOptions: { a: { b: deep } } })).toMatchObject({
      message: expect.stringContaining("nested"),
    });
    expect(() => parseRecipe("[".repeat(300_000))).toThrow(/nested/);
  });

  it("does not count bytes and a latent's numbers", () => {
    const latent = { data: Array.from({ length: 4 * 128 * 128 }, () => 0), shape: [4, 128, 128] };
    expect(parseRequest({ prompt: "a", latent })).toBeDefined();
    expect(parseRequest({ task: "image-to-image", prompt: "a", image: new Uint8Array(1e6).fill(1) })).toBeDefined();
    expect(
      parseRequest({ task: "image-to-image", prompt: "a", image: `data:image/png;base64,${"AAAA".repeat(1e6)}` }),
    ).toBeDefined();
  });
});

describe("errors", () => {
  it("keep a hundred issues and eight thousand characters", () => {
    const error = new InvalidRequestError(
      Array.from({ length: 5000 }, (_, i) => ({ field: `f${i}`, message: "x".repeat(5000) })),
    );
    expect(error.issues).toHaveLength(100);
    expect(error.message.length).toBeLessThan(9000);
    expect(JSON.stringify(error).length).toBeLessThan(300_000);
    expect(new LatentKitError("x", "a".repeat(1e7)).message.length).toBeLessThan(9000);
  });

  it("are cleaned of credentials in linear time", () => {
    for (const piece of [
      "token",
      "?a",
      "&key",
      "password",
      "password ",
      "://a:",
      "Bearer ",
      "a:b",
      "authorization:",
      "?token",
      "api_key ",
    ]) {
      const begun = performance.now();
      redact(piece.repeat(400_000 / piece.length));
      redact(`?${"x".repeat(400_000)}`);
      expect(performance.now() - begun, piece).toBeLessThan(2000);
    }
    expect(redact("https://a.example/?x_token=abc&y=1 Authorization: Bearer abcdefgh https://u:pass@h/")).toBe(
      "https://a.example/?x_token=[redacted]&y=1 Authorization: Bearer [redacted] https://u:[redacted]@h/",
    );
  });
});
