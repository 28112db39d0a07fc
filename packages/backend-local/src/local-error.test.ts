import {
  AbortedError,
  ConfigError,
  EngineError,
  ImageError,
  InvalidRequestError,
  ModelError,
  OutOfMemoryError,
  UnsupportedError,
} from "@latentkit/core";
import { makeNoiseSchedule, makePlan } from "@latentkit/core/diffusion";
import { describe, expect, test } from "vitest";
import { crashError, reviveError, serializeError } from "./local-error.ts";

describe("an error comes out of the engine as the one that went in", () => {
  const issues = [{ field: "steps", message: "must be 1 to 10", allowed: { min: 1, max: 10 } }];
  const details = { backend: "local", details: { file: "/a/b" } };
  test.each([
    new AbortedError("stopped", details),
    new ConfigError("wrong", details),
    new EngineError("broke", { ...details, retryable: false }),
    new ImageError("no picture", details),
    new InvalidRequestError(issues, { backend: "local" }),
    new ModelError("no model", details),
    new OutOfMemoryError("too large", details),
    new UnsupportedError(issues, { backend: "local" }),
  ])("$name", (error) => {
    const revived = reviveError(JSON.parse(JSON.stringify(serializeError(error))));
    expect(revived.toJSON()).toEqual(error.toJSON());
    expect((revived as { issues?: unknown }).issues).toEqual((error as { issues?: unknown }).issues);
  });
});

test("the maths' own refusals are the request's", () => {
  const schedule = makeNoiseSchedule();
  const plan = makePlan({ sampler: "euler", scheduler: "karras", schedule, prediction: "epsilon" });
  let refusal: unknown;
  try {
    plan.grid({ steps: 0 });
  } catch (error) {
    refusal = error;
  }
  const revived = reviveError(serializeError(refusal));
  expect(InvalidRequestError.isInstance(revived) && revived.issues[0]?.field).toBe("steps");
});

test.each([
  "std::bad_alloc",
  "Failed to allocate memory for requested buffer of size 68719476736",
  "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
])("%s is an OutOfMemoryError, from within and as last words", (message) => {
  expect(reviveError(serializeError(new Error(message)))).toMatchObject({ code: "out_of_memory", retryable: true });
  expect(crashError({ code: 134, signal: null, output: `at x\n${message}\n`, outOfMemory: false })).toMatchObject({
    code: "out_of_memory",
  });
});

test("a crash tells how the engine ended", () => {
  expect(crashError({ code: null, signal: "SIGSEGV", output: "", outOfMemory: false })).toMatchObject({
    code: "engine",
    retryable: true,
    backend: "local",
    message: expect.stringContaining("SIGSEGV"),
    details: { signal: "SIGSEGV", exitCode: null },
  });
  expect(crashError({ code: 1, signal: null, output: "a reason", outOfMemory: false })).toMatchObject({
    details: { output: "a reason" },
  });
});

test("a SIGKILL after the system ran out of memory is taken for that", () => {
  const exit = { code: null, signal: "SIGKILL", output: "" };
  expect(crashError({ ...exit, outOfMemory: true })).toMatchObject({ code: "out_of_memory", retryable: true });
  expect(crashError({ ...exit, outOfMemory: false })).toMatchObject({ code: "engine" });
});

test("anything else is a GenerationError that keeps its message", () => {
  expect(reviveError(serializeError(new TypeError("odd")))).toMatchObject({
    code: "generation",
    message: expect.stringContaining("odd"),
  });
});
