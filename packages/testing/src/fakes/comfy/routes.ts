import type { IncomingMessage, ServerResponse } from "node:http";
import { decodeImage, sha256 } from "@latentkit/core";
import { parsePython, stringifyPython } from "./exact.ts";
import type { FakeComfy } from "./fake-comfy.ts";
import type { Prompt } from "./prompt.ts";
import { validate } from "./validate.ts";
import type { QueueItem } from "./worker.ts";

/** Answers one HTTP request. */
export async function route(fake: FakeComfy, request: IncomingMessage, response: ServerResponse): Promise<unknown> {
  const url = new URL(request.url ?? "/", "http://fake");
  const json = (status: number, value: unknown) => {
    response.writeHead(status, { "content-type": "application/json" }).end(stringifyPython(value));
  };
  const plain = (status: number, text = "") => response.writeHead(status, { "content-type": "text/plain" }).end(text);
  const base = fake.options.basePath ?? "";
  if (!url.pathname.startsWith(base)) return plain(404, "404: Not Found");
  const path = url.pathname.slice(base.length).replace(/^\/api\//, "/");
  const body = await readBody(request, fake.options.maxUploadBytes ?? 100 * 2 ** 20);
  if (body === undefined) return plain(413, "Maximum request body size exceeded");
  const isFirst =
    fake.requests.filter((seen) => seen.path === request.url && seen.method === request.method).length === 1;
  const status = fake.options.busyOnce && isFirst ? 429 : fake.options.status;
  if (status !== undefined) {
    const { retryAfter } = fake.options;
    return response
      .writeHead(status, retryAfter === undefined ? {} : { "retry-after": retryAfter })
      .end("a proxy says no");
  }

  const [, first = "", second] = path.split("/");
  const method = request.method === "HEAD" ? "GET" : request.method;
  switch (`${method} /${first}`) {
    case "GET /system_stats":
      return json(200, {
        system: { comfyui_version: "0.24.0-fake", pytorch_version: "2.13.0", os: "posix" },
        devices: [],
      });
    case "GET /object_info": {
      const { nodes } = fake;
      if (second === undefined) return json(200, nodes);
      return json(200, nodes[second] === undefined ? {} : { [second]: nodes[second] });
    }
    case "GET /embeddings":
      return json(200, fake.models.embeddings);
    case "GET /view_metadata": {
      const architecture = fake.options.architectures?.[url.searchParams.get("filename") ?? ""];
      return architecture === undefined ? void plain(404) : json(200, { "modelspec.architecture": architecture });
    }
    case "GET /queue":
      return json(200, {
        queue_running: fake.worker.running === undefined ? [] : [fake.worker.running],
        queue_pending: fake.worker.queue,
      });
    case "GET /history": {
      const odd = second === undefined ? undefined : fake.options.historyAnswers?.[fake.historyRequests++];
      if (odd !== undefined) return void response.writeHead(odd.status).end(odd.body);
      const entry = second === undefined ? undefined : fake.worker.history.get(second);
      return json(200, entry === undefined ? {} : { [second!]: entry });
    }
    case "GET /view":
      return view(fake, url, response);
    case "POST /prompt":
      return postPrompt(fake, parsePython(body.toString()) as PromptBody, json, request, response);
    case "POST /queue": {
      const { delete: ids = [], clear } = JSON.parse(body.toString()) as { delete?: string[]; clear?: boolean };
      if (clear) fake.worker.queue.length = 0;
      for (const id of ids) fake.worker.delete(id);
      return plain(200);
    }
    case "POST /jobs": {
      const id = /^\/jobs\/([^/]+)\/cancel$/.exec(path)?.[1];
      if (id === undefined || fake.options.hasJobsApi !== true) return plain(404);
      const isPending = fake.worker.queue.some((item) => item[1] === id);
      const isRunning = fake.worker.running?.[1] === id;
      fake.worker.delete(id);
      if (isRunning) fake.worker.interrupt();
      return json(200, { cancelled: isPending || isRunning });
    }
    case "POST /interrupt": {
      const { prompt_id: id } = JSON.parse(body.toString() || "{}") as { prompt_id?: string };
      if (id === undefined) fake.globalInterrupts++;
      if (id === undefined || fake.worker.running?.[1] === id) fake.worker.interrupt();
      return plain(200);
    }
    case "POST /upload":
      if (fake.options.dropUploads) {
        fake.options.dropUploads--;
        return request.socket.destroy();
      }
      if (fake.options.uploadAnswer !== undefined) return plain(200, fake.options.uploadAnswer);
      return upload(fake, request, body, json);
    default:
      return plain(404, "404: Not Found");
  }
}

interface PromptBody {
  prompt?: Prompt;
  prompt_id?: string;
  client_id?: string;
  front?: boolean;
  extra_data?: Record<string, unknown>;
}

/** Its result is never read: `return json(…)` is short for answering and leaving. */
type Json = (status: number, value: unknown) => unknown;

const canonicalUuid = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

async function postPrompt(
  fake: FakeComfy,
  body: PromptBody,
  json: Json,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<unknown> {
  const { options, worker } = fake;
  if (options.busyMs !== undefined) {
    fake.busyUntil ??= performance.now() + options.busyMs;
    if (performance.now() < fake.busyUntil) {
      return response.writeHead(429, { "retry-after": options.retryAfter ?? "1" }).end();
    }
  }
  if (options.drop) {
    options.drop--;
    return request.socket.destroy();
  }
  const { prompt, prompt_id = crypto.randomUUID(), client_id, extra_data = {} } = body;
  const refuse = (type: string, message: string) =>
    json(400, { error: { type, message, details: message, extra_info: {} }, node_errors: {} });
  if (prompt === undefined) return refuse("no_prompt", "No prompt provided");
  if (!canonicalUuid.test(prompt_id))
    return refuse("invalid_prompt_id", "prompt_id must be a lowercase canonical UUID");
  const { error, node_errors, outputs } = validate(prompt, fake.nodes, fake.uploads);
  if (error !== undefined) return json(400, { error, node_errors });
  for (const id of options.dropsOutputs ?? []) {
    if (!outputs.includes(id)) continue;
    outputs.splice(outputs.indexOf(id), 1);
    const complaint = {
      type: "custom_validation_failed",
      message: "Custom validation failed",
      details: id,
      extra_info: {},
    };
    node_errors[id] = { errors: [complaint], dependent_outputs: [id], class_type: prompt[id]?.class_type ?? "" };
  }
  const number = body.front ? -fake.number++ : fake.number++;
  const item: QueueItem = [
    number,
    prompt_id,
    prompt,
    { ...extra_data, ...(client_id === undefined ? {} : { client_id }) },
    outputs,
  ];
  fake.prompts.push(body as Record<string, unknown>);
  worker.put(item);
  if (options.enqueueThenDrop) {
    options.enqueueThenDrop--;
    return request.socket.destroy();
  }
  if (options.enqueueThen500) {
    options.enqueueThen500--;
    if (options.answersAfterEnd) await hasEnded(fake, prompt_id);
    return json(500, { error: "internal" });
  }
  json(200, { prompt_id, number, node_errors });
}

async function hasEnded({ worker }: FakeComfy, promptId: string): Promise<void> {
  while (!worker.history.has(promptId)) await new Promise((resolve) => setTimeout(resolve, 5));
}

function view(fake: FakeComfy, url: URL, response: ServerResponse): unknown {
  const filename = url.searchParams.get("filename") ?? "";
  if (filename === "" || filename.startsWith("/") || filename.includes("..")) return response.writeHead(400).end();
  if (fake.options.viewRedirect !== undefined) {
    return response.writeHead(302, { location: `${fake.options.viewRedirect}${url.search}` }).end();
  }
  const type = url.searchParams.get("type") ?? "output";
  const file = fake.worker.files.get(`${type}/${url.searchParams.get("subfolder") ?? ""}/${filename}`);
  if (file === undefined) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": "image/png", "content-length": file.length }).end(file);
}

async function upload(fake: FakeComfy, request: IncomingMessage, body: Buffer, json: Json): Promise<void> {
  const form = await new Response(new Uint8Array(body), {
    headers: { "content-type": request.headers["content-type"] ?? "" },
  }).formData();
  const file = form.get("image") as File;
  const subfolder = String(form.get("subfolder") ?? "");
  const bytes = new Uint8Array(await file.arrayBuffer());
  const { width, height } = await decodeImage(bytes);
  const name = fake.options.renamesUploads ? `renamed (1) ${file.name}` : file.name;
  fake.uploads.set(subfolder === "" ? name : `${subfolder}/${name}`, { width, height });
  fake.uploaded.push(sha256(bytes));
  json(200, { name, subfolder, type: "input" });
}

async function readBody(request: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += (chunk as Buffer).length;
    if (length <= limit) chunks.push(chunk as Buffer);
  }
  return length > limit ? undefined : Buffer.concat(chunks);
}
