import type { IncomingMessage, ServerResponse } from "node:http";
import { fakePicture } from "./fake-picture.ts";
import type { FakePrediction } from "./fake-prediction.ts";
import type { FakeState } from "./fake-state.ts";

/** Serves outputs and streams, on a host of their own as Replicate does. */
export async function deliver(state: FakeState, request: IncomingMessage, reply: ServerResponse): Promise<void> {
  const [, kind, id = "", name = ""] = new URL(request.url ?? "/", "http://delivery").pathname.split("/");
  const prediction = state.predictions.get(id);
  if (prediction === undefined) return void reply.writeHead(404).end("gone");
  if (kind === "stream") return streamEvents(prediction, request, reply);
  const { seed = 0, width = 24, height = 16 } = prediction.input as Record<string, number | string>;
  const last = name.startsWith(`${prediction.script.steps - 1}`) || name.startsWith("0.");
  const picture = await fakePicture(last ? `${seed}` : `${seed}/${name}`, Number(width), Number(height));
  reply.writeHead(200, { "content-type": "image/png", "content-length": picture.length }).end(picture);
}

/** `logs` as they grow, `output` when there is one, `done` at the end; resumed after `Last-Event-ID`. */
async function streamEvents(
  prediction: FakePrediction,
  request: IncomingMessage,
  reply: ServerResponse,
): Promise<void> {
  reply.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const after = Number(request.headers["last-event-id"] ?? -1);
  let [id, logs, outputs] = [0, "", 0];
  const send = (event: string, data: string) => {
    if (id > after)
      reply.write(
        `event: ${event}\nid: ${id}\n${data
          .split("\n")
          .map((line) => `data: ${line}\n`)
          .join("")}\n`,
      );
    id++;
  };
  while (!reply.destroyed) {
    const state = prediction.state();
    const log = state.logs ?? "";
    if (log.length > logs.length) send("logs", log.slice(logs.length));
    logs = log;
    const urls = (state.output ?? []) as string[];
    for (; outputs < urls.length; outputs++) send("output", urls[outputs]!);
    if (prediction.over) {
      send(
        "done",
        state.status === "succeeded"
          ? "{}"
          : JSON.stringify({ reason: state.status === "canceled" ? "canceled" : "error" }),
      );
      reply.end();
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
}
