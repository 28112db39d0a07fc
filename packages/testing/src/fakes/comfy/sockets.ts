import type { WebSocket } from "ws";
import { stringifyPython } from "./exact.ts";

/** Whoever listens at `/ws`, by client id, with the real server's way of losing one of them. */
export class Sockets {
  readonly #byId = new Map<string, WebSocket>();
  readonly #all = new Set<WebSocket>();
  readonly #withMetadata = new WeakSet<WebSocket>();
  readonly #frozen = new Set<WebSocket>();
  /** How long after a break the server notices. A new socket under the same id is then forgotten in place of the old. */
  cleanupMs = 0;
  /** Connections made so far. */
  opened = 0;
  /** How often a connection came while an older one of its client's was not closed yet. */
  overlaps = 0;
  /** So many finished pictures are lost on the way, as when the connection breaks off under them. */
  losesPictures = 0;
  /** Pings that came in. */
  pings = 0;
  /** First frames of each connection. */
  readonly firstFrames: unknown[] = [];

  add(id: string, socket: WebSocket, queueRemaining: number): void {
    this.opened++;
    const before = this.#byId.get(id);
    if (before !== undefined && this.#all.has(before)) this.overlaps++;
    this.#all.add(socket);
    this.#byId.set(id, socket);
    this.send("status", { status: { exec_info: { queue_remaining: queueRemaining } }, sid: id }, id);
    let isFirst = true;
    socket.on("message", (data) => {
      if (!isFirst) return;
      isFirst = false;
      const frame = JSON.parse(String(data)) as { type?: string; data?: { supports_preview_metadata?: boolean } };
      this.firstFrames.push(frame);
      if (frame.type !== "feature_flags") return;
      if (frame.data?.supports_preview_metadata) this.#withMetadata.add(socket);
      this.send("feature_flags", { supports_preview_metadata: true, max_upload_size: 104857600 }, id);
    });
    socket.on("ping", () => {
      this.pings++;
    });
    socket.on("close", () => {
      this.#all.delete(socket);
      this.#frozen.delete(socket);
      // By id, whichever socket has it by now. After a goodbye it is at once, after a break when that is noticed.
      const forget = () => void this.#byId.delete(id);
      if (this.cleanupMs === 0) forget();
      else setTimeout(forget, this.cleanupMs);
    });
    socket.on("error", () => {});
  }

  /** How many are connected. */
  get open(): number {
    return this.#all.size;
  }

  /** To one client, or to all. */
  send(type: string, data: unknown, id?: string): void {
    this.#deliver(stringifyPython({ type, data }), id);
  }

  /** A binary frame to one client, or to all. */
  sendBytes(frame: Uint8Array, id?: string): void {
    this.#deliver(frame, id);
  }

  /** A picture: with metadata for clients that asked for it in their first frame, bare for the others. */
  sendImage(image: Uint8Array, mediaType: "image/png" | "image/jpeg", meta: Record<string, unknown>, id: string): void {
    const socket = this.#byId.get(id);
    if (socket === undefined) return;
    if (mediaType === "image/png" && this.losesPictures > 0) {
      this.losesPictures--;
      socket.terminate();
      return;
    }
    if (!this.#withMetadata.has(socket)) {
      this.sendBytes(bareImage(image, mediaType), id);
      return;
    }
    const head = Buffer.from(JSON.stringify({ ...meta, image_type: mediaType }));
    this.sendBytes(Buffer.concat([words(4, head.length), head, image]), id);
  }

  /** Breaks every connection off, as a failing network does. */
  dropAll(): void {
    for (const socket of this.#all) socket.terminate();
  }

  closeAll(): void {
    for (const socket of this.#all) socket.terminate();
    this.#byId.clear();
  }

  /** Sockets stay open, and nothing is sent to them any more. */
  forgetAll(): void {
    this.#byId.clear();
  }

  /** The path of the connections that are open now is gone: nothing passes, and nobody is told. */
  freeze(): void {
    for (const socket of this.#all) {
      socket.pause();
      this.#frozen.add(socket);
    }
  }

  /** What was sent to frozen connections comes in. */
  thaw(): void {
    for (const socket of this.#frozen) socket.resume();
    this.#frozen.clear();
  }

  #deliver(frame: string | Uint8Array, id: string | undefined): void {
    const targets = id === undefined ? [...this.#byId.values()] : [this.#byId.get(id)];
    for (const socket of targets) {
      if (socket?.readyState === socket?.OPEN && !this.#frozen.has(socket!)) socket?.send(frame);
    }
  }
}

/** A frame of type 1, which does not say whose it is. */
export function bareImage(image: Uint8Array, mediaType: "image/png" | "image/jpeg"): Uint8Array {
  return Buffer.concat([words(1, mediaType === "image/png" ? 2 : 1), image]);
}

function words(...values: number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) buffer.writeUInt32BE(value, i * 4);
  return buffer;
}
