import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";

/** How an answer is given; each means harm in a way of its own. */
export const forms = {
  "head letter by letter": (socket: Socket) =>
    drip(socket, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-a: ", 50),
  "body byte by byte": (socket: Socket) => {
    socket.write(head(200, { "content-length": "100000" }));
    drip(socket, " ", 50);
  },
  "body without end": (socket: Socket) => {
    socket.write(head(200, { "transfer-encoding": "chunked" }));
    const chunk = `10000\r\n${" ".repeat(0x10000)}\r\n`;
    const more = () => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on("drain", more);
    more();
  },
  "two gigabytes told": (socket: Socket) => {
    socket.write(head(200, { "content-length": "2000000000" }));
    socket.write(" ".repeat(1000));
  },
  silence: () => {},
  "cut off": (socket: Socket) => {
    socket.write(head(200, { "content-length": "1000" }));
    setTimeout(() => socket.destroy(), 20);
  },
  reset: (socket: Socket) => void socket.resetAndDestroy(),
  garbage: (socket: Socket) => void socket.end("\u0000\u0001 this is no HTTP\r\n\r\n"),
  "not JSON": (socket: Socket) => void socket.end(`${head(200, { "content-length": "5" })}{"a":`),
  "another JSON": (socket: Socket) => void socket.end(`${head(200, { "content-length": "4" })}null`),
  "redirects without end": (socket: Socket) =>
    void socket.end(head(302, { location: "/again", "content-length": "0" })),
  "500": (socket: Socket) => void socket.end(head(500, { "content-length": "0" })),
} as const;

/** What a 429 says of when to come back. */
export const retryAfters = ["-1", "0", "Thu, 01 Jan 1970 00:00:00 GMT", "0.001", "soon", "1e99", ""] as const;

/** A server that answers whatever it is asked in one way. */
export class HostileServer implements AsyncDisposable {
  readonly url: string;
  calls = 0;
  readonly #close: () => Promise<void>;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  static async start(answer: (socket: Socket) => void): Promise<HostileServer> {
    const sockets = new Set<Socket>();
    let server: HostileServer;
    const listening = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => sockets.delete(socket));
      socket.once("data", () => {
        server.calls++;
        answer(socket);
      });
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => listening.once("listening", resolve));
    const close = async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => listening.close(resolve));
    };
    server = new HostileServer(`http://127.0.0.1:${(listening.address() as AddressInfo).port}`, close);
    return server;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}

/** The answer 429, asking to come back in its own way. */
export function tooMany(retryAfter: string): (socket: Socket) => void {
  return (socket) =>
    void socket.end(head(429, { "content-length": "0", ...(retryAfter === "" ? {} : { "retry-after": retryAfter }) }));
}

function head(status: number, headers: Record<string, string>): string {
  const lines = Object.entries({ "content-type": "application/json", connection: "close", ...headers });
  return `HTTP/1.1 ${status} X\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}

function drip(socket: Socket, text: string, everyMs: number): void {
  let i = 0;
  const timer = setInterval(() => socket.write(text[i++] ?? text.at(-1)!), everyMs);
  socket.on("close", () => clearInterval(timer));
}
