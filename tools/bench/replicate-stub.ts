/**
 * A stub of Replicate's API for tools/bench/replicate.ts, in a process of its own: it prints its port, and its counts at
 * `/counts`. Faults are decided by a seed, so that each subject meets the same rates.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const faulty = process.argv[2] === "faulty";
const [shortestMs, longestMs] = [5000, 10000];
const steps = 20;
const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const integer = (minimum: number, maximum: number, value: number) => ({
  type: "integer",
  minimum,
  maximum,
  default: value,
});
const openapi_schema = {
  components: {
    schemas: {
      Input: {
        required: ["prompt"],
        properties: {
          prompt: { type: "string" },
          seed: { type: "integer" },
          num_inference_steps: integer(1, 100, steps),
        },
      },
      Output: { type: "array", items: { type: "string", format: "uri" } },
    },
  },
};

interface Entry {
  id: string;
  input: { seed?: number };
  from: number;
  to: number;
}

const entries = new Map<string, Entry>();
const seeds = new Set<number>();
const counts = { requests: 0, creates: 0, polls: 0, downloads: 0, predictions: 0, cut: 0, refused: 0 };
let random = 12345;
const chance = (share: number): boolean => {
  random = (Math.imul(random, 1103515245) + 12345) >>> 0;
  return faulty && random / 2 ** 32 < share;
};

const server = createServer(async (request, reply) => {
  const path = request.url ?? "/";
  if (path === "/counts") return json(reply, { ...counts, distinct: seeds.size });
  counts.requests++;
  if (path.startsWith("/out/")) {
    counts.downloads++;
    return void reply.writeHead(200, { "content-type": "image/png" }).end(png);
  }
  if (path.includes("/versions/")) return json(reply, { id: "a".repeat(64), openapi_schema });
  if (request.method === "POST") return create(request, reply);
  if (path.startsWith("/v1/predictions?") || path === "/v1/predictions") return json(reply, page(path));
  counts.polls++;
  if (chance(0.02)) return json(reply, { detail: "injected" }, 500);
  return json(reply, state(entries.get(path.split("/").at(-1) ?? "")!));
});

/** The newest predictions, a hundred a page, as Replicate lists them. */
function page(path: string) {
  const from = Number(/cursor=(\d+)/.exec(path)?.[1] ?? 0);
  const newest = [...entries.values()].reverse();
  const next = newest.length > from + 100 ? `http://127.0.0.1/v1/predictions?cursor=${from + 100}` : null;
  return { previous: null, next, results: newest.slice(from, from + 100).map(state) };
}

async function create(request: IncomingMessage, reply: ServerResponse): Promise<void> {
  counts.creates++;
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (chance(0.03)) {
    counts.refused++;
    return json(reply, { detail: "Request was throttled. Your rate limit resets in ~1s." }, 429, {
      "retry-after": "1",
    });
  }
  const { input } = JSON.parse(Buffer.concat(chunks).toString()) as { input: { seed?: number } };
  const from = Date.now() + 100;
  const ms = shortestMs + (((input.seed ?? 0) * 7919) % (longestMs - shortestMs));
  const entry = { id: `p${entries.size}`, input, from, to: from + ms };
  entries.set(entry.id, entry);
  counts.predictions++;
  seeds.add(input.seed ?? -1);
  if (chance(0.03)) {
    counts.cut++;
    return void request.socket.destroy();
  }
  if (String(request.headers.prefer ?? "").startsWith("wait"))
    await new Promise((resolve) => setTimeout(resolve, entry.to - Date.now()));
  json(reply, state(entry), 201);
}

function state({ id, input, from, to }: Entry) {
  const now = Date.now();
  const done = now >= to;
  const step = Math.max(0, Math.min(steps, Math.floor(((now - from) / (to - from)) * steps)));
  const logs = Array.from(
    { length: step },
    (_, i) =>
      `\r${(i + 1) * 5}%|##| ${i + 1}/${steps} [00:01<00:0${Math.floor(((to - from) / steps / 1000) * (steps - i - 1))}, 9.9it/s]`,
  ).join("");
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    id,
    model: "acme/painter",
    version: "a".repeat(64),
    status: done ? "succeeded" : now < from ? "starting" : "processing",
    input,
    output: done ? [`${base}/out/${id}.png`] : null,
    error: null,
    logs,
    metrics: done ? { predict_time: (to - from) / 1000 } : {},
    created_at: new Date(from - 100).toISOString(),
    started_at: now < from ? null : new Date(from).toISOString(),
    completed_at: done ? new Date(to).toISOString() : null,
    urls: { get: `${base}/v1/predictions/${id}`, cancel: `${base}/v1/predictions/${id}/cancel` },
  };
}

function json(reply: ServerResponse, body: unknown, status = 200, headers: Record<string, string> = {}): void {
  reply.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

server.listen({ port: 0, host: "127.0.0.1", backlog: 2048 }, () => console.log((server.address() as AddressInfo).port));
