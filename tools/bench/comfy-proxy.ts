import type { AddressInfo } from "node:net";
import { connect, createServer, type Server, type Socket } from "node:net";

/** Passes bytes on to a server, and breaks every WebSocket off a moment after each so-many-th job was sent. */
export class BreakingProxy {
  breaks = 0;
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();
  readonly #sockets = new Set<[Socket, Socket]>();
  #jobs = 0;

  private constructor(target: URL, every: number) {
    this.#server = createServer((client) => {
      const upstream = connect(Number(target.port), target.hostname);
      const pair: [Socket, Socket] = [client, upstream];
      this.#pairs.add(pair);
      const close = () => {
        this.#pairs.delete(pair);
        this.#sockets.delete(pair);
        client.destroy();
        upstream.destroy();
      };
      for (const socket of pair) socket.on("error", close).on("close", close).setNoDelay(true);
      client.on("data", (chunk) => {
        const head = chunk.subarray(0, 2048).toString("latin1");
        if (/^upgrade: *websocket/im.test(head)) this.#sockets.add(pair);
        if (/^POST [^ ]*\/prompt /m.test(head) && ++this.#jobs % every === 0) setTimeout(() => this.#breakOff(), 30);
        upstream.write(chunk);
      });
      upstream.pipe(client);
    });
  }

  static async start(target: string, every: number): Promise<BreakingProxy> {
    const proxy = new BreakingProxy(new URL(target), every);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #breakOff(): void {
    if (this.#sockets.size > 0) this.breaks++;
    for (const pair of [...this.#sockets]) for (const socket of pair) socket.destroy();
  }
}
