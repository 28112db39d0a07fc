import { GenerationError, type GenerationEvent } from "@latentkit/core";
import { checkPicture } from "./check-picture.ts";
import { errorOf } from "./http-error.ts";
import type { ResolvedHttpOptions } from "./http-options.ts";
import { readEvents } from "./read-events.ts";
import { readLatent } from "./read-latent.ts";
import type { ServerCalls } from "./server-calls.ts";
import type { ServerEvent } from "./server-words.ts";

const maxPictureBytes = 512 * 2 ** 20;

/** A job of the server's as events of ours. Its pictures are brought as they are told of: the server keeps them for a while only. */
export async function* followJob(
  id: string,
  calls: ServerCalls,
  options: ResolvedHttpOptions,
  { signal, backend }: { signal: AbortSignal; backend: string },
): AsyncGenerator<GenerationEvent> {
  const handle = { id };
  const { stallMs, reconnectMs } = options;
  for await (const event of readEvents(calls, id, { signal, stallMs, reconnectMs, backend })) {
    switch (event.type) {
      case "queued":
      case "started":
        yield { ...event, handle } as GenerationEvent;
        break;
      case "image":
        yield await bringImage(event, calls, signal, backend);
        break;
      case "error":
        throw errorOf(event.error, backend);
      case "done":
        throw new GenerationError("The server's job ended without an end.", { backend });
      default:
        yield event as GenerationEvent;
        if (event.type === "completed") return;
    }
  }
}

async function bringImage(
  { url, latentUrl, ...known }: Extract<ServerEvent, { type: "image" }>,
  calls: ServerCalls,
  signal: AbortSignal,
  backend: string,
): Promise<GenerationEvent> {
  // The server may be mounted below a path that a proxy in front of it changes: what counts is where it lies in the API.
  const path = (whole: string) => whole.slice(whole.lastIndexOf("/v1/jobs/"));
  const bring = (from: string) =>
    calls.bytes({ method: "GET", path: from, signal, maxBytes: maxPictureBytes, headers: { accept: "*/*" } });
  // PNG loses nothing; the request's own format is made of it here.
  const file = await bring(`${path(url)}?format=png`);
  await checkPicture(file, backend);
  const latent = latentUrl === undefined ? {} : { latent: readLatent(await bring(path(latentUrl)), backend) };
  return {
    ...known,
    ...latent,
    image: { kind: "encoded", mediaType: "image/png", base64: file.toString("base64") },
  } as GenerationEvent;
}
