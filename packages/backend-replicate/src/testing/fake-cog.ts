import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { openapi } from "./fake-models.ts";
import { fakePicture } from "./fake-picture.ts";
import { FakePrediction } from "./fake-prediction.ts";

/** A Cog server on loopback that does what coglet 0.23 was seen to do: one slot, open calls, webhooks, cancel. */
export interface FakeCog {
  url: string;
  /** Predictions begun. */
  created: number;
  running(): number;
  authorizations: (string | undefined)[];
  close(): Promise<void>;
}

const schema = openapi(
  {
    prompt: { type: "string" },
    width: { type: "integer", minimum: 16, maximum: 512, default: 24 },
    height: { type: "integer", minimum: 16, maximum: 512, default: 16 },
    num_inference_steps: { type: "integer", minimum: 1, maximum: 500, default: 4 },
    seed: { type: "integer", nullable: true },
    image: { type: "string", format: "uri", nullable: true },
  },
  { output: { type: "string", format: "uri", title: "Output" } },
);

/** Starts a fake Cog server; `health` and `document` may be overruled. */
export async function startFakeCog(options: { health?: object; document?: object | null } = {}): Promise<FakeCog> {
  const predictions = new Map<string, FakePrediction>();
  const running = () => [...predictions.values()].filter((prediction) => !prediction.over);
  const server = createServer((request, reply) => {
    fake.authorizations.push(request.headers.authorization);
    route(request, reply).catch((error: unknown) => reply.writeHead(500).end(String(error)));
  });
  const fake: FakeCog = {
    url: "",
    created: 0,
    running: () => running().length,
    authorizations: [],
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  const route = async (request: IncomingMessage, reply: ServerResponse): Promise<void> => {
    const { method, url = "/" } = request;
    if (url === "/health-check") return send(reply, 200, { status: "READY", ...options.health });
    if (url === "/openapi.json")
      return options.document === null
        ? send(reply, 503, { error: "OpenAPI schema not available" })
        : send(reply, 200, options.document ?? schema);
    const [, , id = "", action] = url.split("/");
    if (method === "POST" && action === "cancel") {
      const found = predictions.get(id);
      if (found === undefined || found.over) return send(reply, 404, {});
      found.cancel();
      return send(reply, 200, {});
    }
    if (method !== "PUT") return send(reply, 405, {});
    await predict(id, JSON.parse(await text(request)), reply);
  };

  const predict = async (id: string, body: Body, reply: ServerResponse): Promise<void> => {
    if (running().length > 0)
      return send(reply, 409, { error: "At capacity - all prediction slots busy", status: "failed" });
    const { seed = "0", width = 24, height = 16, num_inference_steps: steps = 4, prompt } = body.input;
    const png = await fakePicture(`${seed}`, Number(width), Number(height));
    const failed = /\bfail\b/.test(String(prompt)) && (!/odd/.test(String(prompt)) || BigInt(seed) % 2n === 1n);
    const prediction = new FakePrediction({
      id,
      input: body.input,
      model: "",
      version: "",
      urls: { get: "", cancel: "", web: "" },
      script: {
        queueMs: 0,
        stepMs: 5,
        steps: Number(steps),
        end: failed ? "failed" : "succeeded",
        error: "Prediction failed: ValueError: the model did not like this prompt",
        outputs: (_step, ended) => (ended ? `data:image/png;base64,${Buffer.from(png).toString("base64")}` : undefined),
        streamed: false,
      },
    });
    predictions.set(id, prediction);
    fake.created++;
    // The real one cancels a prediction whose open call breaks.
    reply.once("close", () => prediction.cancel());
    while (!prediction.over) {
      if (body.webhook !== undefined) await post(body.webhook, plain(prediction));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    send(reply, 200, plain(prediction));
  };

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  fake.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return fake;
}

interface Body {
  input: Record<string, number | string>;
  webhook?: string;
}

/** A state as Cog tells it: without what Replicate adds. */
function plain(prediction: FakePrediction) {
  const { id, status, output, logs, metrics, error } = prediction.state();
  return { id, status, logs, metrics, ...(output == null ? {} : { output }), ...(error == null ? {} : { error }) };
}

function send(reply: ServerResponse, status: number, body: unknown): void {
  reply.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

async function post(url: string, body: unknown): Promise<void> {
  await fetch(url, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" },
  }).catch(() => {});
}

/** The body, with a seed of 64 bits kept as text. */
async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks)
    .toString("utf8")
    .replace(/"seed":(\d+)/, '"seed":"$1"');
}
