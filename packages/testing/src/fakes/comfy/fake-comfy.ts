import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { defaultModels, type FakeModels, fakeNodes, type RawNode } from "./nodes.ts";
import type { Size } from "./picture.ts";
import { route } from "./routes.ts";
import { Sockets } from "./sockets.ts";
import { Worker, type WorkerFaults } from "./worker.ts";

/** What a test can make go wrong at the door. */
export interface HttpFaults {
  /** So many `POST /prompt` queue the job, and answer 500. */
  enqueueThen500?: number;
  /** So many `POST /prompt` queue the job, and break the connection off. */
  enqueueThenDrop?: number;
  /** So many `POST /prompt` break the connection off without queueing. */
  drop?: number;
  /** So many `POST /upload/image` break the connection off. */
  dropUploads?: number;
  /** What `POST /upload/image` answers in place of JSON. */
  uploadAnswer?: string;
  /** Uploads are stored under another name. */
  renamesUploads?: boolean;
  /** Outputs that fail validation: the others run, and the answer is 200 with `node_errors`. */
  dropsOutputs?: readonly string[];
  /** What the first requests for a prompt's history are answered with, in place of it. */
  historyAnswers?: readonly { status: number; body: string }[];
  /** It has the jobs API, as newer servers do: one call stops a job in any state. */
  hasJobsApi?: boolean;
  /** False: pings are not answered, as from a host that is gone. */
  answersPings?: boolean;
  /** Every request is answered with this status. */
  status?: number;
  /** The first request of each path is answered with 429, and `retryAfter`. */
  busyOnce?: boolean;
  /** What `Retry-After` such an answer has. */
  retryAfter?: string;
  /** `POST /prompt` is answered with 429, and `retryAfter`, for so many milliseconds from the first on. */
  busyMs?: number;
  /** Such a 500 is answered when the job has ended, as by a proxy that lost patience. */
  answersAfterEnd?: boolean;
}

/** Settings of a fake server. */
export interface FakeComfyOptions extends WorkerFaults, HttpFaults {
  models?: Partial<FakeModels>;
  /** Node types beside the usual ones. */
  extraNodes?: Record<string, RawNode>;
  /** Node types that this server lacks. */
  withoutNodes?: readonly string[];
  /** A path that a proxy puts before every route, such as `/comfy`. */
  basePath?: string;
  /** Headers without which everything is answered with 401. */
  requiredHeaders?: Record<string, string>;
  /** `/view` redirects to this address, as Comfy Cloud does. */
  viewRedirect?: string;
  /** Largest request body in bytes. Default 100 MiB. */
  maxUploadBytes?: number;
  /** Key and certificate (PEM) with which it speaks HTTPS. */
  tls?: { key: string; cert: string };
  /** `modelspec.architecture` by file. */
  architectures?: Record<string, string>;
}

/** A request as it came in. */
export interface SeenRequest {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
}

/**
 * A ComfyUI server over real HTTP and WebSocket on loopback, which behaves as the real one does, odd ways included. Its
 * pictures depend on the graph alone.
 */
export class FakeComfy {
  readonly options: FakeComfyOptions;
  readonly sockets = new Sockets();
  readonly uploads = new Map<string, Size>();
  readonly uploaded: string[] = [];
  readonly worker: Worker;
  readonly requests: SeenRequest[] = [];
  /** How often some prompt's history was asked for. */
  historyRequests = 0;
  /** `POST /prompt` bodies that were accepted. */
  readonly prompts: Record<string, unknown>[] = [];
  /** Interrupts that named no prompt, and so would have stopped other people's jobs. */
  globalInterrupts = 0;
  number = 0;
  /** When its busy time ends. */
  busyUntil: number | undefined;
  readonly #server: Server;
  readonly #webSockets: WebSocketServer;
  #port = 0;
  /** While frozen: settles at the thaw. */
  #thawed: PromiseWithResolvers<void> | undefined;

  private constructor(options: FakeComfyOptions) {
    this.options = options;
    this.#webSockets = new WebSocketServer({ noServer: true, autoPong: options.answersPings ?? true });
    this.worker = new Worker(this.sockets, this.uploads, options);
    const handle = (request: IncomingMessage, response: ServerResponse) => this.#handle(request, response);
    this.#server = options.tls === undefined ? createServer(handle) : createTlsServer(options.tls, handle);
    this.#server.on("upgrade", async (request, socket, head) => {
      // Node has taken its own listener away, and a client may break off at any time.
      socket.on("error", () => {});
      await this.#thawed?.promise;
      const url = new URL(request.url ?? "/", "http://fake");
      this.#note(request);
      if (
        url.pathname.replace(this.options.basePath ?? "", "").replace(/^\/api/, "") !== "/ws" ||
        !this.#isAllowed(request)
      ) {
        socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        return;
      }
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket: WebSocket) => {
        this.sockets.add(url.searchParams.get("clientId") || crypto.randomUUID(), webSocket, this.worker.remaining);
      });
    });
  }

  /** Starts on a free port of loopback. */
  static async start(options: FakeComfyOptions = {}): Promise<FakeComfy> {
    const fake = new FakeComfy(options);
    await fake.listen();
    return fake;
  }

  get url(): string {
    return `${this.options.tls === undefined ? "http" : "https"}://127.0.0.1:${this.#port}${this.options.basePath ?? ""}`;
  }

  get models(): FakeModels {
    return { ...defaultModels, ...this.options.models };
  }

  get nodes(): Record<string, RawNode> {
    const all = { ...fakeNodes(this.models, [...this.uploads.keys()]), ...this.options.extraNodes };
    return Object.fromEntries(Object.entries(all).filter(([name]) => !this.options.withoutNodes?.includes(name)));
  }

  /** Nothing runs and nothing waits. */
  get isIdle(): boolean {
    return this.worker.remaining === 0;
  }

  /** Opens the door, at the same port as before. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Stops answering; what was queued is kept. */
  async hangUp(): Promise<void> {
    this.sockets.closeAll();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Connections are taken, as the kernel does for a stopped process, and nothing is answered on any. */
  freeze(): void {
    this.#thawed ??= Promise.withResolvers();
    this.sockets.freeze();
  }

  thaw(): void {
    this.#thawed?.resolve();
    this.#thawed = undefined;
    this.sockets.thaw();
  }

  /** The process dies and comes back: queue, history, sockets and temporary files are gone; saved files and uploads stay. */
  restart(): void {
    this.worker.restart();
    this.sockets.closeAll();
  }

  async stop(): Promise<void> {
    this.worker.restart();
    await this.hangUp();
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    this.#note(request);
    if (!this.#isAllowed(request)) {
      response.writeHead(request.headers.origin === undefined ? 401 : 403).end();
      return;
    }
    (this.#thawed?.promise ?? Promise.resolve())
      .then(() => route(this, request, response))
      .catch((error: unknown) => {
        if (!response.headersSent) response.writeHead(500);
        response.end(String(error));
      });
  }

  #note({ method = "GET", url = "/", headers }: IncomingMessage): void {
    this.requests.push({ method, path: url, headers });
    if (this.requests.length > 2000) this.requests.shift();
  }

  /** A foreign Origin or a cross-site fetch is refused, as on the real server; then come the proxy's own demands. */
  #isAllowed({ headers }: IncomingMessage): boolean {
    const { origin } = headers;
    if (origin !== undefined && new URL(origin).host !== headers.host) return false;
    if (headers["sec-fetch-site"] === "cross-site") return false;
    return Object.entries(this.options.requiredHeaders ?? {}).every(
      ([name, value]) => headers[name.toLowerCase()] === value,
    );
  }
}
