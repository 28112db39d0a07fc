import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type Agent, type Dispatcher, ping, WebSocket } from "undici";
import { networkError } from "../comfy-error.ts";
import type { ResolvedOptions } from "../comfy-options.ts";
import { makeAgent } from "../http/trust.ts";
import { decodeBinary, decodeText, type Frame } from "./frames.ts";

/** Asks for previews that say whose they are; it must be the first frame of every connection. */
const featureFlags = JSON.stringify({ type: "feature_flags", data: { supports_preview_metadata: true } });

/** How long the server may take to answer a close. */
const closeGraceMs = 2_000;

interface PongMessage {
  websocket: unknown;
}

/** One WebSocket connection, from opening to closing. It never comes back; `ComfySocket` makes the next one. */
export class Connection {
  /** Settles when the connection is over, for whatever reason. */
  readonly closed: Promise<void>;
  readonly #socket: WebSocket;
  readonly #agent: Agent | undefined;
  readonly #onFrame: (frame: Frame) => void;
  #alive = true;
  #heartbeat: NodeJS.Timeout | undefined;
  #failure: unknown;

  private constructor(
    { webSocketUrl, apiKey, headers, dispatcher, pingMs, ca }: ResolvedOptions,
    clientId: string,
    onFrame: (frame: Frame) => void,
  ) {
    const url = new URL(webSocketUrl);
    url.searchParams.set("clientId", clientId);
    if (apiKey !== undefined) url.searchParams.set("token", apiKey);
    this.#onFrame = onFrame;
    this.#agent = dispatcher === undefined ? makeAgent({ ca }) : undefined;
    this.#socket = new WebSocket(url, { headers, dispatcher: dispatcher ?? (this.#agent as Dispatcher) });
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onmessage = ({ data }) => this.#receive(data);
    this.#socket.onerror = (event) => {
      this.#failure ??= (event as { error?: unknown }).error;
    };
    this.closed = new Promise((resolve) => {
      this.#socket.onclose = () => {
        this.#stopHeartbeat();
        void this.#agent?.destroy().catch(() => {});
        resolve();
      };
    });
    this.#startHeartbeat(pingMs);
  }

  /**
   * Opens a connection.
   *
   * @throws ConnectionError when it cannot be opened.
   */
  static async open(options: ResolvedOptions, clientId: string, onFrame: (frame: Frame) => void): Promise<Connection> {
    const connection = new Connection(options, clientId, onFrame);
    const socket = connection.#socket;
    const timer = setTimeout(() => void connection.destroy(), options.timeoutMs);
    const isOpen = await Promise.race([
      new Promise<true>((resolve) => {
        socket.onopen = () => resolve(true);
      }),
      connection.closed,
    ]);
    clearTimeout(timer);
    if (isOpen !== true) throw networkError(connection.#failure, options.webSocketUrl);
    socket.send(featureFlags);
    return connection;
  }

  /** Closes properly, so that the server forgets this connection before the next one begins; breaks it off if it must. */
  async close(): Promise<void> {
    if (this.#socket.readyState < WebSocket.CLOSING) this.#socket.close(1000);
    const timer = setTimeout(() => void this.destroy(), closeGraceMs);
    await this.closed;
    clearTimeout(timer);
  }

  /** Breaks the connection off. */
  async destroy(): Promise<void> {
    this.#stopHeartbeat();
    if (this.#socket.readyState < WebSocket.CLOSING) this.#socket.close();
    await this.#agent?.destroy().catch(() => {});
  }

  #receive(data: unknown): void {
    this.#alive = true;
    const frame = typeof data === "string" ? decodeText(data) : decodeBinary(data as ArrayBuffer);
    if (frame !== undefined) this.#onFrame(frame);
  }

  readonly #onPong = (message: unknown): void => {
    if ((message as PongMessage).websocket === this.#socket) this.#alive = true;
  };

  #startHeartbeat(pingMs: number): void {
    subscribe("undici:websocket:pong", this.#onPong);
    this.#heartbeat = setInterval(() => {
      if (this.#socket.readyState !== WebSocket.OPEN) return;
      if (!this.#alive) void this.destroy();
      this.#alive = false;
      ping(this.#socket);
    }, pingMs);
    this.#heartbeat.unref();
  }

  #stopHeartbeat(): void {
    clearInterval(this.#heartbeat);
    unsubscribe("undici:websocket:pong", this.#onPong);
  }
}
