import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

/** What becomes of one call: a form in which it is answered in the server's place, or its answer's text as it is changed. */
export type Spoil = { answer: (socket: Socket) => void } | { change: (text: string) => string };

/** A server that does its work, behind a way to it that means harm. */
export class HostileProxy implements AsyncDisposable {
  readonly url: string;
  /** Calls that came, as `GET /path`, without what is told apart by ids. */
  readonly seen: string[] = [];
  /** Asked for each call; undefined lets it through. */
  spoil: (call: string) => Spoil | undefined = () => undefined;
  readonly #server: Server;
  readonly #behind: URL;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, behind: URL) {
    this.#server = server;
    this.#behind = behind;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${behind.pathname.replace(/\/$/, "")}`;
  }

  static async start(behind: string): Promise<HostileProxy> {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const proxy = new HostileProxy(server, new URL(behind));
    server.on("connection", (socket: Socket) => {
      proxy.#sockets.add(socket);
      socket.on("error", () => {}).on("close", () => proxy.#sockets.delete(socket));
    });
    server.on("request", (incoming, reply) => proxy.#pass(incoming, reply));
    server.on("upgrade", (incoming, socket: Socket, head) => proxy.#upgrade(incoming, socket, head));
    return proxy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #note({ method, url = "" }: IncomingMessage): Spoil | undefined {
    const call = `${method} ${url.replace(/\?.*$/, "").replace(/[\w-]{16,}|(?<=\/)\d+(?=\/|$)/g, "…")}`;
    this.seen.push(call);
    return this.spoil(call);
  }

  #pass(incoming: IncomingMessage, reply: ServerResponse): void {
    const spoil = this.#note(incoming);
    if (spoil !== undefined && "answer" in spoil) {
      incoming.resume();
      spoil.answer(incoming.socket);
      return;
    }
    const { method, url, headers } = incoming;
    const { hostname, port } = this.#behind;
    const asked = request({ hostname, port, method, path: url, headers, agent: false }, async (answer) => {
      const head = { ...answer.headers };
      if (spoil === undefined) {
        reply.writeHead(answer.statusCode!, head);
        return answer.pipe(reply);
      }
      delete head["content-length"];
      const parts: Buffer[] = [];
      for await (const part of answer) parts.push(part);
      return reply.writeHead(answer.statusCode!, head).end(spoil.change(Buffer.concat(parts).toString("utf8")));
    });
    asked.on("error", () => reply.destroy());
    reply.on("close", () => asked.destroy());
    incoming.pipe(asked);
  }

  #upgrade(incoming: IncomingMessage, socket: Socket, head: Buffer): void {
    const spoil = this.#note(incoming);
    if (spoil !== undefined && "answer" in spoil) {
      spoil.answer(socket);
      return;
    }
    const { hostname, port } = this.#behind;
    const behind = connect(Number(port), hostname, () => {
      const lines = incoming.rawHeaders.reduce((all, each, i) => all + each + (i % 2 === 0 ? ": " : "\r\n"), "");
      behind.write(`GET ${incoming.url} HTTP/1.1\r\n${lines}\r\n`);
      behind.write(head);
      behind.pipe(socket).pipe(behind);
    });
    behind.on("error", () => socket.destroy()).on("close", () => socket.destroy());
    socket.on("close", () => behind.destroy());
  }
}
