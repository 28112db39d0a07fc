import type { GenerationEvent, ImagePayload, Pixels } from "@latentkit/core";
import type { EngineEvent } from "./engine/protocol.ts";

/** An engine's event as the contract has it: pictures as base64. */
export function toGenerationEvent(event: EngineEvent): GenerationEvent {
  if (event.type !== "image" && event.type !== "preview") return event;
  const { pixels, ...rest } = event;
  return { ...rest, image: toPayload(pixels) } as GenerationEvent;
}

function toPayload({ width, height, channels, data }: Pixels): ImagePayload {
  const base64 = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64");
  return { kind: "pixels", width, height, channels, base64 };
}
