import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { ConfigError, connectionCode } from "@latentkit/core";
import { type Prediction, PredictionSchema } from "../api/prediction.ts";
import { backendId } from "../replicate-error.ts";

/** Where a Cog server can reach this process. */
export interface ReceiverOptions {
  /** Address to listen at. Default `"127.0.0.1"`. */
  host?: string | undefined;
  /** Port to listen at. Default: any free one. */
  port?: number | undefined;
  /** Base URL by which the server reaches it, where that differs, such as `http://host.docker.internal:9000`. */
  url?: string | undefined;
}

const maxBodyBytes = 64 * 2 ** 20;

/**
 * Takes the states that a Cog server posts while it works: its only way to tell progress. It listens on loopback unless
 * asked otherwise, at a path that nobody can guess, and keeps no process alive.
 */
export class WebhookReceiver {
  readonly #options: ReceiverOptions;
  readonly #secret = randomBytes(18).toString("base64url");
  readonly #listeners = new Map<string, (prediction: Prediction) => void>();
  #server: Promise<{ server: Server; base: string }> | undefined;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /** The URL to give for a prediction; `listener` hears of its states until {@link forget}. */
  async expect(id: string, listener: (prediction: Prediction) => void): Promise<string> {
    this.#listeners.set(id, listener);
    this.#server ??= this.#listen();
    const listening = this.#server;
    const { base } = await listening.catch((cause: unknown) => {
      if (this.#server === listening) this.#server = undefined;
      this.forget(id);
      const { host = "127.0.0.1", port = 0 } = this.#options;
      const message = `progress.${port === 0 ? "host" : "port"}: cannot listen at ${host}:${port} (${connectionCode(cause)})`;
      throw new ConfigError(message, { backend: backendId, cause });
    });
    return `${base}/${this.#secret}/${id}`;
  }

  forget(id: string): void {
    this.#listeners.delete(id);
  }

  async close(): Promise<void> {
    const running = await this.#server?.catch(() => undefined);
    running?.server.closeAllConnections();
    running?.server.close();
  }

  async #listen() {
    const server = createServer((request, reply) => {
      this.#take(request).then(
        (status) => reply.writeHead(status).end(),
        () => reply.writeHead(400).end(),
      );
    });
    const { host = "127.0.0.1", port = 0, url } = this.#options;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
    server.unref();
    const address = server.address() as AddressInfo;
    return { server, base: url?.replace(/\/$/, "") ?? `http://${host}:${address.port}` };
  }

  async #take(request: IncomingMessage): Promise<number> {
    const [, secret, id = ""] = (request.url ?? "").split("/");
    const listener = this.#listeners.get(id);
    if (request.method !== "POST" || secret !== this.#secret || listener === undefined) return 404;
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of request) {
      bytes += (chunk as Buffer).length;
      if (bytes > maxBodyBytes) return 413;
      chunks.push(chunk as Buffer);
    }
    const parsed = PredictionSchema.safeParse(JSON.parse(Buffer.concat(chunks).toString("utf8")));
    if (!parsed.success || parsed.data.id !== id) return 400;
    listener(parsed.data);
    return 200;
  }
}
