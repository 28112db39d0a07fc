import type { GenerationEvent } from "../events.ts";
import type { ImagePayload } from "../image-payload.ts";
import type { Member } from "./members.ts";

/** A member's event as its composition tells it: with who works, and with what finds the member's job and pictures again. */
export function relayed(event: GenerationEvent, { name, backend }: Member): GenerationEvent {
  switch (event.type) {
    case "queued":
      return event.handle === undefined ? event : { ...event, handle: { member: name, data: event.handle } };
    case "started": {
      const handle = event.handle === undefined ? {} : { handle: { member: name, data: event.handle } };
      return { ...event, backend: event.backend ?? backend.id, ...handle };
    }
    case "image":
    case "preview":
      return { ...event, image: through(event.image, name) };
    default:
      return event;
  }
}

function through(image: ImagePayload, name: string): ImagePayload {
  return image.kind === "url" ? { ...image, via: [name, ...(image.via ?? [])] } : image;
}
