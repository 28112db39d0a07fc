import { describe, expect, it } from "vitest";
import { cachedNodes, failureOf } from "./outcome.ts";

const entry = (messages: [string, Record<string, unknown>][], status_str = "success") => ({
  outputs: {},
  status: { status_str, completed: true, messages },
});
const error = (exception_type: string) => ({
  node_id: "3",
  node_type: "KSampler",
  exception_message: "no",
  exception_type,
});

describe("failureOf", () => {
  it("goes by the messages, not by the status", () => {
    expect(failureOf(entry([["execution_error", error("ValueError")]]), "p")).toMatchObject({ code: "generation" });
    expect(failureOf(entry([["execution_success", {}]]), "p")).toBeUndefined();
    expect(failureOf({ outputs: {} }, "p"), "old servers keep no status").toBeUndefined();
  });

  it("takes a blocked branch for no failure", () => {
    const messages: [string, Record<string, unknown>][] = [
      ["execution_error", error("ExecutionBlocked")],
      ["execution_success", {}],
    ];
    expect(failureOf(entry(messages), "p")).toBeUndefined();
  });

  it("tells an interruption, a lack of memory and an error without words", () => {
    expect(failureOf(entry([["execution_interrupted", {}]], "error"), "p")).toMatchObject({ code: "aborted" });
    expect(failureOf(entry([["execution_error", error("torch.OutOfMemoryError")]]), "p")).toMatchObject({
      code: "out_of_memory",
    });
    expect(failureOf(entry([], "error"), "p")).toMatchObject({ code: "generation" });
  });
});

it("cachedNodes reads the message about the cache", () => {
  expect(cachedNodes(entry([["execution_cached", { nodes: ["1", 2] }]]))).toEqual(["1", "2"]);
  expect(cachedNodes({ outputs: {} })).toEqual([]);
});
