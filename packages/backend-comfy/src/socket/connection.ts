import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type Agent, ping, WebSocket } from "undici";
import { socketError } from "../comfy-error.ts";
import type { ResolvedOptions } from "../comfy-options.ts";
import { makeAgent } from "../http/trust.ts";
import { decodeBinary, decodeText, type Frame } from "./frames.ts";
import { type Handshake, watched } from "./handshake.ts";

/** Asks for previews that say whose they are; it must be the first frame of every connection. */
const featureFlags = JSON.stringify({ type: "feature_flags", data: { supports_preview_metadata: true } });

/** How long the server may take to answer a close. */
const closeGraceMs = 2_000;
/** How long it may take to open: jobs wait for this, and can do without. */
const longestOpenMs = 15_000;

interface PongMessage {
  websocket: unknown;
}

/** One WebSocket connection, from opening to closing. It never comes back; `ComfySocket` makes the next one. */
export class Connection {
  /** Settles when the connection is over, for whatever reason. */
  readonly closed: Promise<void>;
  readonly #socket: WebSocket;
  readonly #agent: Agent | undefined;
  readonly #handshake: Handshake = {};
  readonly #onFrame: (frame: Frame) => void;
  readonly #end: () => void;
  #alive = true;
  #heartbeat: NodeJS.Timeout | undefined;

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
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#end = resolve;
    this.#socket = new WebSocket(url, { headers, dispatcher: watched(dispatcher ?? this.#agent!, this.#handshake) });
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onmessage = ({ data }) => this.#receive(data);
    this.#socket.onclose = () => this.destroy();
    this.#startHeartbeat(pingMs);
  }

  /**
   * Opens a connection.
   *
   * @throws ConnectionError when it cannot be opened, with the reason.
   */
  static async open(
    options: ResolvedOptions,
    clientId: string,
    onFrame: (frame: Frame) => void,
    signal: AbortSignal,
  ): Promise<Connection> {
    const connection = new Connection(options, clientId, onFrame);
    const socket = connection.#socket;
    const breakOff = () => connection.destroy();
    const timer = setTimeout(breakOff, Math.min(options.timeoutMs, longestOpenMs));
    signal.addEventListener("abort", breakOff, { once: true });
    if (signal.aborted) breakOff();
    const isOpen = await Promise.race([
      new Promise<true>((resolve) => {
        socket.onopen = () => resolve(true);
      }),
      connection.closed,
    ]);
    clearTimeout(timer);
    signal.removeEventListener("abort", breakOff);
    if (isOpen !== true) throw socketError(connection.#handshake, options.webSocketUrl);
    socket.send(featureFlags);
    return connection;
  }

  /** Closes properly, so that the server forgets this connection before the next one begins; breaks it off if it must. */
  async close(): Promise<void> {
    if (this.#socket.readyState < WebSocket.CLOSING) this.#socket.close(1000);
    const timer = setTimeout(() => this.destroy(), closeGraceMs);
    await this.closed;
    clearTimeout(timer);
  }

  /** Breaks the connection off: waits for nobody, since the other end may be gone. */
  destroy(): void {
    this.#stopHeartbeat();
    this.#socket.onmessage = null;
    if (this.#socket.readyState < WebSocket.CLOSING) this.#socket.close();
    // A closing handshake waits for the peer for ever, and the agent has let go of a connection that was upgraded.
    this.#handshake.tcp?.destroy();
    void this.#agent?.destroy().catch(() => {});
    this.#end();
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
      if (!this.#alive) {
        this.destroy();
        return;
      }
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
