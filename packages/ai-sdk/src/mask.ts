import type { ImageModelV4File } from "@ai-sdk/provider";
import { type CallInputs, decodeImage, encodeImage, loadImageSource } from "@latentkit/core";
import { sourceOf } from "./source-of.ts";

/**
 * A mask of the AI SDK's, which leaves to providers what it means: one with transparent parts is painted anew there, as OpenAI's are; any
 * other where it is white, as everybody else's.
 */
export async function maskOf(
  file: ImageModelV4File,
  { inputs = {}, signal }: { inputs?: CallInputs | undefined; signal: AbortSignal | undefined },
): Promise<{ base64: string }> {
  const { maxPixels, ...rules } = inputs;
  const bytes = await loadImageSource(sourceOf(file), { ...rules, field: "mask", signal });
  const { width, height, channels, data } = await decodeImage(bytes, "mask", { maxPixels, signal });
  // As it was looked at: an address may answer otherwise a second time.
  if (channels !== 4 || isOpaque(data)) return { base64: Buffer.from(bytes).toString("base64") };
  const mask = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) mask.fill(255 - data[i * 4 + 3]!, i * 3, i * 3 + 3);
  return {
    base64: Buffer.from(await encodeImage({ width, height, channels: 3, data: mask }, "png")).toString("base64"),
  };
}

function isOpaque(data: Uint8Array): boolean {
  for (let i = 3; i < data.length; i += 4) if (data[i] !== 255) return false;
  return true;
}
