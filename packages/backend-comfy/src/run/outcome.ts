import { AbortedError } from "@latentkit/core";
import { comfyDetails, type ExecutionFailure, executionError } from "../comfy-error.ts";
import type { HistoryEntry } from "../server/queue.ts";

/**
 * Why a prompt failed; undefined when it did not. The messages decide: `status_str` can say success over an error, and
 * an error of type `ExecutionBlocked` only says that one branch was left out.
 */
export function failureOf({ status }: HistoryEntry, promptId: string): Error | undefined {
  for (const [event, data] of status?.messages ?? []) {
    if (event === "execution_error" && data["exception_type"] !== "ExecutionBlocked") {
      return executionError(data as ExecutionFailure, promptId);
    }
    if (event === "execution_interrupted") {
      return new AbortedError("The generation was interrupted on the server.", comfyDetails({ details: { promptId } }));
    }
  }
  if (status?.status_str !== "error") return undefined;
  return executionError({ exception_message: "the server reports an error without saying which" }, promptId);
}

/** Nodes whose results were taken from the server's cache: their files are older ones. */
export function cachedNodes({ status }: HistoryEntry): readonly string[] {
  const [, data] = status?.messages?.find(([event]) => event === "execution_cached") ?? [];
  const nodes = data?.["nodes"];
  return Array.isArray(nodes) ? nodes.map(String) : [];
}
