import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { getResponse } from "msw";
import { deliver } from "./fake-delivery.ts";
import { replicateHandlers } from "./fake-handlers.ts";
import type { Script } from "./fake-prediction.ts";
import { FakeState, type SeenCall } from "./fake-state.ts";
import { type Fault, meetFault, sendHalf } from "./fault.ts";

/** A Replicate on loopback: two real HTTP servers, one for the API and one for outputs and streams. */
export interface FakeReplicate {
  /** The API's base, for the option `url`. */
  url: string;
  token: string;
  state: FakeState;
  /** Put faults here to have calls go wrong. */
  faults: Fault[];
  deliveryFaults: Fault[];
  /** The API's server itself. */
  api: Server;
  close(): Promise<void>;
}

/** Starts a fake Replicate. `script` overrules how its predictions go. */
export async function startFakeReplicate(script: Partial<Script> = {}): Promise<FakeReplicate> {
  const token = "r8_fake_0123456789abcdefghijklmnop";
  const state = new FakeState(token, script);
  const handlers = replicateHandlers(state);
  const [faults, deliveryFaults]: [Fault[], Fault[]] = [[], []];
  const api = serve(faults, state.calls, async (request, reply) => {
    const { response, bytes } = await answer(handlers, request, state.apiUrl);
    reply.writeHead(response.status, Object.fromEntries(response.headers)).end(bytes);
  });
  const delivery = serve(deliveryFaults, state.deliveries, (request, reply) => deliver(state, request, reply));
  state.apiUrl = `${await listen(api)}/v1`;
  state.deliveryUrl = await listen(delivery);
  const stop = async (server: Server) => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  const close = async () => {
    await stop(api);
    await stop(delivery);
  };
  return { url: state.apiUrl, token, state, faults, deliveryFaults, api, close };
}

type Handle = (request: IncomingMessage, reply: ServerResponse) => Promise<void>;

function serve(faults: Fault[], seen: SeenCall[], handle: Handle): Server {
  return createServer((request, reply) => {
    const call = callOf(request);
    seen.push(call);
    const fault = meetFault(faults, call);
    respond(request, reply, handle, fault).catch((error: unknown) => {
      reply.writeHead(500).end(error instanceof Error ? error.stack : String(error));
    });
  });
}

async function respond(
  request: IncomingMessage,
  reply: ServerResponse,
  handle: Handle,
  fault: Fault["kind"] | undefined,
) {
  if (fault === undefined) return handle(request, reply);
  if ("delayMs" in fault) {
    await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
    return handle(request, reply);
  }
  if ("status" in fault) {
    request.resume();
    return void reply.writeHead(fault.status, fault.headers).end(fault.body ?? JSON.stringify({ detail: "injected" }));
  }
  if (fault.cut === "before") return void request.socket.destroy();
  if (fault.cut === "never")
    return void reply.writeHead(200, { "content-type": "image/png" }).write("\x89PNG\r\n", "latin1");
  const { end, bytes, type } = captured(reply);
  await handle(request, end);
  if (fault.cut === "after") setTimeout(() => request.socket.destroy(), fault.lateMs ?? 0);
  else sendHalf(reply, bytes(), type());
}

/** A reply that keeps what is sent to itself. */
function captured(reply: ServerResponse) {
  let body: Uint8Array = new Uint8Array();
  let type = "application/json";
  const end = Object.create(reply) as ServerResponse;
  end.writeHead = ((_status: number, headers: Record<string, string> = {}) => {
    type = headers["content-type"] ?? type;
    return end;
  }) as never;
  end.end = ((chunk?: string | Uint8Array) => {
    if (chunk !== undefined) body = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    return end;
  }) as never;
  return { end, bytes: () => body, type: () => type };
}

async function answer(handlers: ReturnType<typeof replicateHandlers>, message: IncomingMessage, base: string) {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const method = message.method ?? "GET";
  const body = method === "GET" || method === "HEAD" ? null : Buffer.concat(chunks);
  const request = new Request(new URL(message.url ?? "/", base), { method, body, headers: callOf(message).headers });
  const response =
    (await getResponse(handlers, request)) ?? Response.json({ detail: "no such route" }, { status: 404 });
  return { response, bytes: Buffer.from(await response.arrayBuffer()) };
}

function callOf({ method = "GET", url = "/", headers }: IncomingMessage): SeenCall {
  const plain = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  return { method, path: url, authorization: headers.authorization ?? null, headers: plain };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
