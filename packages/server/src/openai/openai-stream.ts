import type { Bytes } from "@latentkit/core";
import type { ServerContext } from "../context.ts";
import type { ServedJob } from "../jobs/served-job.ts";
import { openAiError } from "./openai-error.ts";
import type { OpenAiRequest } from "./openai-request.ts";

/** Tokens are not counted here; clients read the field. */
const usage = {
  input_tokens: 0,
  input_tokens_details: { image_tokens: 0, text_tokens: 0 },
  output_tokens: 0,
  total_tokens: 0,
};

/** A job as OpenAI streams it: `partial_image` as often as was asked for, `completed` for each picture. */
export function openAiStream(
  job: ServedJob,
  asked: OpenAiRequest,
  kind: "image_generation" | "image_edit",
  server: ServerContext,
  onLeave: () => void,
): ReadableStream<Bytes> {
  const messages = tell(job, asked, kind, server);
  return new ReadableStream<Bytes>(
    {
      async pull(controller) {
        const next = await messages.next();
        if (next.done) controller.close();
        else controller.enqueue(new TextEncoder().encode(next.value));
      },
      cancel: () => onLeave(),
    },
    { highWaterMark: 0 },
  );
}

async function* tell(
  job: ServedJob,
  asked: OpenAiRequest,
  kind: string,
  server: ServerContext,
): AsyncGenerator<string> {
  const partials = new Map<number, number>();
  const message = (type: string, data: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
  for (let after = -1; ; ) {
    const item = await job.log.after(after, server.options.heartbeatMs);
    if (item === undefined) return;
    if (item === "later") {
      yield ": still here\n\n";
      continue;
    }
    after = item.id;
    const { event } = item;
    if (event.type === "error") yield message("error", openAiError(event.error, server).body);
    if (event.type !== "preview" && event.type !== "image") continue;
    const told = partials.get(event.index) ?? 0;
    if (event.type === "preview" && told >= asked.partialImages) continue;
    if (event.type === "preview") partials.set(event.index, told + 1);
    const image = job.images.find(({ index }) => index === event.index);
    const isDone = event.type === "image" && image !== undefined;
    const bytes = await (isDone ? image : event.image).bytes(asked.format);
    const size = isDone ? await image.size() : (image?.knownSize ?? sizeOf(job));
    const common = {
      b64_json: Buffer.from(bytes).toString("base64"),
      created_at: Math.floor(job.createdAt / 1000),
      size: size === undefined ? "auto" : `${size.width}x${size.height}`,
      quality: "auto",
      background: "opaque",
      output_format: asked.format,
      image_index: event.index,
    };
    if (!isDone) yield message(`${kind}.partial_image`, { ...common, partial_image_index: told });
    else
      yield message(`${kind}.completed`, {
        ...common,
        usage,
        seed: image.seed,
        latentkit: { job: job.id, warnings: asked.warnings },
      });
  }
}

function sizeOf({ request, log }: ServedJob): { width: number; height: number } | undefined {
  const { width, height } = { ...request, ...log.last("started")?.resolved };
  return width === undefined || height === undefined ? undefined : { width, height };
}
