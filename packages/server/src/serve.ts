import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Client, ConfigError } from "@latentkit/core";
import { createServer } from "./create-server.ts";
import type { ServerOptions } from "./server-options.ts";

/** Where and how a server listens. */
export interface ServeOptions extends ServerOptions {
  /** Default `"127.0.0.1"`: this machine alone. */
  host?: string | undefined;
  /** Default 8188, or the next that is free up to 8287. A port that is named is taken as it is; 0 is any. */
  port?: number | undefined;
  /** Lets others than this machine in without a key. */
  insecure?: boolean | undefined;
  /** Connections at once; more are closed as they come. Default 4096. */
  maxConnections?: number | undefined;
  /** Longest time for a request to arrive as a whole, in milliseconds. Default 120 s. */
  requestTimeoutMs?: number | undefined;
  /** A connection over which nothing moves for so long is closed, in milliseconds. Default 120 s. */
  idleMs?: number | undefined;
}

/** A server that listens. */
export interface Listening {
  host: string;
  port: number;
  /** Such as `"http://127.0.0.1:8188"`. */
  url: string;
  /** Takes nothing new, lets running jobs finish for `graceMs`, hands back the rest, and closes every connection. */
  close(graceMs?: number): Promise<void>;
}

const firstPort = 8188;
const portsTried = 100;

/**
 * Serves a client over HTTP.
 *
 * @throws ConfigError for a wrong option, for a host beyond this machine without `apiKeys`, or for a port that is taken.
 */
export async function serve(client: Client, options: ServeOptions = {}): Promise<Listening> {
  const {
    host = "127.0.0.1",
    port,
    insecure = false,
    maxConnections = 4096,
    requestTimeoutMs = 120_000,
    idleMs = 120_000,
    ...rest
  } = options;
  const hasKeys = Object.keys(rest.apiKeys ?? {}).length > 0;
  if (!isLoopback(host) && !hasKeys && !insecure)
    throw new ConfigError(
      `serve: host ${host} lets other machines in: give apiKeys, or say that no key is wanted (insecure, --insecure)`,
    );
  const own = !isLoopback(host) && !hasKeys && rest.hosts === undefined ? { hosts: ["*"] } : {};
  const server = createServer(client, { ...own, ...rest });
  const http = createHttpServer(
    {
      requestTimeout: requestTimeoutMs,
      headersTimeout: Math.min(20_000, requestTimeoutMs),
      keepAliveTimeout: 10_000,
      connectionsCheckingInterval: 5000,
    },
    server.node,
  );
  http.maxConnections = maxConnections;
  http.setTimeout(idleMs, (socket) => socket.destroy());
  await listen(http, host, port);
  const address = http.address() as AddressInfo;
  const shown = host.includes(":") ? `[${host}]` : host;
  return {
    host,
    port: address.port,
    url: `http://${shown}:${address.port}`,
    async close(graceMs) {
      const closed = new Promise((resolve) => http.close(resolve));
      await server.close(graceMs);
      // Those who read the ends of their jobs have a moment more.
      http.closeIdleConnections();
      const timer = setTimeout(() => http.closeAllConnections(), 1000);
      await closed;
      clearTimeout(timer);
    },
  };
}

async function listen(
  http: ReturnType<typeof createHttpServer>,
  host: string,
  port: number | undefined,
): Promise<void> {
  for (let tried = port ?? firstPort; ; tried++) {
    const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      http.once("error", resolve);
      http.listen(tried, host, () => {
        http.off("error", resolve);
        resolve(undefined);
      });
    });
    if (error === undefined) return;
    if (error.code === "EADDRINUSE" && port === undefined && tried < firstPort + portsTried - 1) continue;
    throw new ConfigError(`serve: cannot listen on ${host}:${tried} (${error.code})`, { cause: error });
  }
}

function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1)$/i.test(host);
}
