import type { ImageModelV4File } from "@ai-sdk/provider";

/** A file of the AI SDK's as an input of ours. */
export function sourceOf(file: ImageModelV4File): { url: string } | { base64: string } {
  if (file.type === "url") return { url: file.url };
  const { data } = file;
  return { base64: typeof data === "string" ? data : Buffer.from(data).toString("base64") };
}
