import type { UrlPayload } from "@latentkit/core";
import type { FileRef } from "./queue.ts";

/** Where a file lies on a server; with its picture's size where that is known. */
export function viewUrl(
  base: string,
  { filename, subfolder = "", type = "output" }: FileRef,
  size?: { width: number; height: number },
): UrlPayload {
  const query = new URLSearchParams({ filename, subfolder, type });
  return { kind: "url", url: `${base}/view?${query}`, ...size };
}
