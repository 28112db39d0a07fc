import { GenerationError, type GenerationEvent } from "@latentkit/core";
import { errorOf } from "./http-error.ts";
import type { ResolvedHttpOptions } from "./http-options.ts";
import { readEvents } from "./read-events.ts";
import { readLatent } from "./read-latent.ts";
import type { ServerCalls } from "./server-calls.ts";

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
  for await (const { type, data } of readEvents(calls, id, { signal, stallMs, reconnectMs, backend })) {
    switch (type) {
      case "queued":
        yield { type, handle, ...(data.position === undefined ? {} : { position: data.position }) };
        break;
      case "started": {
        const { backend: _, ...started } = data;
        yield { ...started, handle };
        break;
      }
      case "image":
        yield await bringImage(data, calls, signal, backend);
        break;
      case "completed":
        yield data;
        return;
      case "error":
        throw errorOf(data, backend);
      case "done":
        throw new GenerationError("The server's job ended without an end.", { backend });
      default:
        yield data;
    }
  }
}

async function bringImage(
  // biome-ignore lint/suspicious/noExplicitAny: the server's event
  data: any,
  calls: ServerCalls,
  signal: AbortSignal,
  backend: string,
): Promise<GenerationEvent> {
  // The server may be mounted below a path that a proxy in front of it changes: what counts is where it lies in the API.
  const path = (url: string) => url.slice(url.indexOf("/v1/jobs/"));
  const bring = (url: string) =>
    calls.bytes({ method: "GET", path: url, signal, maxBytes: maxPictureBytes, headers: { accept: "*/*" } });
  // PNG loses nothing; the request's own format is made of it here.
  const file = await bring(`${path(data.url)}?format=png`);
  const latent = data.latentUrl === undefined ? {} : { latent: readLatent(await bring(path(data.latentUrl)), backend) };
  const { index, seed, resolved } = data;
  const own = { ...(seed === undefined ? {} : { seed }), ...(resolved === undefined ? {} : { resolved }) };
  return {
    type: "image",
    index,
    ...own,
    ...latent,
    image: { kind: "encoded", mediaType: "image/png", base64: file.toString("base64") },
  };
}
