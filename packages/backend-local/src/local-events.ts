import type { GenerationEvent, ImagePayload, Pixels } from "@latentkit/core";
import type { EngineEvent } from "./engine/protocol.ts";

/** An engine's event as the contract has it: pictures as base64. */
export function toGenerationEvent(event: EngineEvent): GenerationEvent {
  if (event.type !== "image" && event.type !== "preview" && event.type !== "control") return event;
  if (event.type !== "image") {
    const { pixels, ...rest } = event;
    return { ...rest, image: toPayload(pixels) };
  }
  const { pixels, latent, ...rest } = event;
  const left = latent && { latent: { shape: latent.shape, base64: toBase64(latent.data) } };
  return { ...rest, image: toPayload(pixels), ...left };
}

function toPayload({ width, height, channels, data }: Pixels): ImagePayload {
  return { kind: "pixels", width, height, channels, base64: toBase64(data) };
}

function toBase64({ buffer, byteOffset, byteLength }: Uint8Array | Float32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}
