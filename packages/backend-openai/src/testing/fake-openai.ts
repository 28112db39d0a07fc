import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { encodeImage } from "@latentkit/core";
import { getResponse, HttpResponse, http } from "msw";
import type {
  ImageEditParams,
  ImageEditStreamEvent,
  ImageGenerateParams,
  ImageGenStreamEvent,
  ImagesResponse,
} from "openai/resources/images";

type Known = keyof ImageGenerateParams | keyof ImageEditParams;
/** Every field that the API has: it refuses others. */
const known: Record<
  Exclude<Known, "response_format" | "style" | "user" | "svg" | "markup">,
  "text" | "number" | "file"
> = {
  prompt: "text",
  background: "text",
  complexity: "text",
  frame_count: "number",
  frame_duration_ms: "number",
  image: "file",
  input_fidelity: "text",
  mask: "file",
  model: "text",
  moderation: "text",
  n: "number",
  output_compression: "number",
  output_format: "text",
  partial_images: "number",
  quality: "text",
  safety_identifier: "text",
  size: "text",
  stream: "text",
};

/** A call that the fake has seen. */
export interface SeenCall {
  path: string;
  headers: Headers;
  fields: Record<string, unknown>;
  files: { name: string; file: File }[];
}

/** What goes otherwise than well: an answer in place of the usual one, or a connection that breaks. */
export type Fault = (call: SeenCall) => Response | "cut" | "cut stream" | undefined;

/** OpenAI's images API on loopback, after the published types of the `openai` package. */
export async function startFakeOpenAi({ fault = () => undefined }: { fault?: Fault } = {}) {
  const calls: SeenCall[] = [];
  const state = { running: 0, stepMs: 1 };
  const cuts = new Set<string>();
  const handle = async ({ request, path }: { request: Request; path: string }) => {
    const call = await read(request, path);
    calls.push(call);
    const wrong = fault(call);
    if (wrong === "cut") return new HttpResponse(null, { status: 599 });
    if (wrong instanceof Response) return wrong;
    const refusal = refusalOf(call);
    return refusal ?? answer(call, state, wrong === "cut stream");
  };
  const handlers = ["/images/generations", "/images/edits"].map((path) =>
    http.post(`*/v1${path}`, ({ request }) => handle({ request, path })),
  );
  const server = createServer(async (incoming, reply) => {
    state.running++;
    reply.once("close", () => state.running--);
    const response = await getResponse(handlers, toRequest(incoming)).catch((error: unknown) => {
      throw error;
    });
    if (response === undefined) return void reply.writeHead(404).end("{}");
    if (response.status === 599) return void incoming.socket.destroy();
    reply.writeHead(response.status, Object.fromEntries(response.headers));
    if (response.body === null) return void reply.end();
    const body = Readable.fromWeb(response.body as never).on("error", () => incoming.socket.destroy());
    reply.once("close", () => body.destroy());
    body.pipe(reply);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url, calls, state, cuts, close };
}

function toRequest(incoming: IncomingMessage): Request {
  return new Request(`http://${incoming.headers.host}${incoming.url}`, {
    method: incoming.method!,
    headers: new Headers(incoming.headers as Record<string, string>),
    body: Readable.toWeb(incoming) as never,
    duplex: "half",
  } as RequestInit);
}

async function read(request: Request, path: string): Promise<SeenCall> {
  const { headers } = request;
  if (path === "/images/generations")
    return { path, headers, fields: (await request.json()) as Record<string, unknown>, files: [] };
  const form = await request.formData();
  const files: SeenCall["files"] = [];
  const fields: Record<string, unknown> = {};
  for (const [name, value] of form) {
    if (value instanceof File) files.push({ name, file: value });
    else fields[name] = /^\d+$/.test(value) ? Number(value) : value === "true" ? true : value;
  }
  return { path, headers, fields, files };
}

/** An error as OpenAI writes it. */
export function problem(status: number, error: object, headers: Record<string, string> = {}): Response {
  return HttpResponse.json(
    { error: { type: "invalid_request_error", param: null, code: null, ...error } },
    { status, headers },
  );
}

function refusalOf({ headers, fields, files }: SeenCall): Response | undefined {
  if (headers.get("authorization") !== "Bearer sk-test-0123456789")
    return problem(401, { message: "Incorrect API key provided.", code: "invalid_api_key" });
  for (const name of [...Object.keys(fields), ...files.map((file) => file.name)]) {
    if (!(name.replace("[]", "") in known))
      return problem(400, { message: `Unknown parameter: '${name}'.`, param: name, code: "unknown_parameter" });
  }
  if (/forbidden/.test(String(fields.prompt)))
    return problem(400, {
      message: "Your request was rejected by the safety system.",
      type: "image_generation_user_error",
      code: "moderation_blocked",
    });
  return undefined;
}

async function answer(call: SeenCall, state: { stepMs: number }, cut: boolean): Promise<Response> {
  const { fields } = call;
  const size = fields.size === undefined || fields.size === "auto" ? "32x32" : String(fields.size);
  const format = (fields.output_format ?? "png") as "png" | "jpeg" | "webp";
  const count = Number(fields.n ?? 1);
  const usage: ImagesResponse.Usage = {
    input_tokens: 10,
    output_tokens: 20 * count,
    total_tokens: 10 + 20 * count,
    input_tokens_details: { image_tokens: 0, text_tokens: 10 },
  };
  const headers = { "x-request-id": `req_${Math.random().toString(36).slice(2)}` };
  const draw = async (index: number) =>
    Buffer.from(await encodeImage(stripes(size, String(fields.prompt), index), format)).toString("base64");
  if (fields.stream === true) {
    const kind = call.path === "/images/edits" ? "image_edit" : "image_generation";
    const common = {
      size: size as "auto",
      quality: "low",
      background: "opaque",
      output_format: format,
      created_at: 1,
    } as const;
    const partials = Number(fields.partial_images ?? 0);
    async function* events(): AsyncGenerator<ImageGenStreamEvent | ImageEditStreamEvent> {
      for (let i = 0; i < partials; i++) {
        await new Promise((resolve) => setTimeout(resolve, state.stepMs));
        const event = { ...common, b64_json: await draw(i + 1), partial_image_index: i };
        yield { type: `${kind}.partial_image`, ...event } as ImageGenStreamEvent;
        if (cut) throw new Error("cut");
      }
      yield { type: `${kind}.completed`, ...common, b64_json: await draw(0), usage } as ImageGenStreamEvent;
    }
    const iterator = events();
    const stream = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { value, done } = await iterator.next();
        if (done) return controller.close();
        controller.enqueue(new TextEncoder().encode(`event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`));
      },
      async cancel() {
        await iterator.return(undefined);
      },
    });
    return new Response(stream, { headers: { ...headers, "content-type": "text/event-stream; charset=utf-8" } });
  }
  await new Promise((resolve) => setTimeout(resolve, state.stepMs));
  const body: ImagesResponse = {
    created: 1,
    data: await Promise.all(Array.from({ length: count }, async (_, i) => ({ b64_json: await draw(i) }))),
    output_format: format,
    size,
    usage,
  };
  return HttpResponse.json(body as never, { headers });
}

function stripes(size: string, prompt: string, index: number) {
  const [width = 32, height = 32] = size.split("x").map(Number);
  const value = [...prompt].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 251, 7 + index);
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => ((i * (value + 3)) ^ (value * 7)) & 255);
  return { width, height, channels: 3 as const, data };
}
