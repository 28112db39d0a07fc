import { getCACertificates } from "node:tls";
import { ConfigError, lookupPublic } from "@latentkit/core";
import { Agent, type Dispatcher, EnvHttpProxyAgent, ProxyAgent } from "undici";

/** How connections are made. */
export interface ConnectionOptions {
  /** A proxy's URL, or `"env"` for `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`. Default: none. */
  proxy?: string | undefined;
  /** Certificates (PEM) to trust beside the system's own, such as a company's. */
  ca?: string | Uint8Array | (string | Uint8Array)[] | undefined;
  /** Most sockets to one origin for ordinary calls. Default 64. Streams and calls that wait have sockets of their own. */
  connections?: number | undefined;
  /** A dispatcher of undici's to use in place of our own; it is not closed with the backend. */
  dispatcher?: Dispatcher | undefined;
}

/** The dispatchers of a backend: short calls share a bounded pool, streams that stay open do not. */
export interface Dispatchers {
  calls: Dispatcher;
  streams: Dispatcher;
  /** Calls that connect to public addresses alone; through a proxy the way is the proxy's. */
  outputs: Dispatcher;
  close(): Promise<void>;
}

/** @throws ConfigError for a proxy that is not a URL. */
export function makeDispatchers({ proxy, ca, connections = 64, dispatcher }: ConnectionOptions): Dispatchers {
  if (dispatcher !== undefined)
    return { calls: dispatcher, streams: dispatcher, outputs: dispatcher, close: async () => {} };
  // undici replaces the trusted certificates by `ca`; a company's are meant beside the public ones.
  const tls = ca === undefined ? {} : { ca: [...trusted(), ...[ca].flat().map((pem) => Buffer.from(pem))] };
  const make = (limits: Agent.Options): Dispatcher => {
    const options = { ...limits, connect: { ...tls, timeout: 10_000, ...limits.connect }, keepAliveTimeout: 4_000 };
    if (proxy === undefined) return new Agent(options);
    if (proxy === "env") return new EnvHttpProxyAgent({ ...options, requestTls: tls, proxyTls: tls });
    // "localhost:3128" parses too, as a URL of the protocol "localhost:".
    if (!/^https?:$/.test(URL.parse(proxy)?.protocol ?? ""))
      throw new ConfigError('proxy: must be a URL such as "http://proxy:3128", or "env"');
    return new ProxyAgent({ ...options, uri: proxy, requestTls: tls, proxyTls: tls });
  };
  const calls = make({ connections });
  const streams = make({});
  const outputs = make({ connections, connect: { lookup: lookupPublic } });
  return {
    calls,
    streams,
    outputs,
    close: async () => {
      await Promise.all([calls.destroy(), streams.destroy(), outputs.destroy()]);
    },
  };
}

function trusted(): readonly string[] {
  return getCACertificates("default");
}
