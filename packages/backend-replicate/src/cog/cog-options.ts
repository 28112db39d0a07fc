import type { Issue } from "@latentkit/core";

/** Options of predictions that mean something on Replicate. */
export interface ReplicateOnly {
  wait?: number | undefined;
  cancelAfter?: number | string | undefined;
  webhook?: string | undefined;
}

/** What a Cog server cannot honour: it is refused, not dropped. `listens`: whether its webhooks come to this process. */
export function cogIssues({ wait = 0, cancelAfter, webhook }: ReplicateOnly, listens: boolean): Issue[] {
  const issues: Issue[] = [];
  if (wait > 0) issues.push({ field: "wait", message: "a Cog server is always waited for: leave it out" });
  if (cancelAfter !== undefined)
    issues.push({ field: "cancelAfter", message: "a Cog server has no deadline: leave it out, or pass a signal" });
  if (webhook !== undefined && listens)
    issues.push({
      field: "webhook",
      message: "a Cog server has one webhook, which tells progress: set progress: false",
    });
  return issues;
}
