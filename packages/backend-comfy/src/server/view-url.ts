import type { UrlPayload } from "@latentkit/core";
import type { FileRef } from "./queue.ts";

/** Where a file lies on a server. */
export function viewUrl(base: string, { filename, subfolder = "", type = "output" }: FileRef): UrlPayload {
  const query = new URLSearchParams({ filename, subfolder, type });
  return { kind: "url", url: `${base}/view?${query}` };
}
