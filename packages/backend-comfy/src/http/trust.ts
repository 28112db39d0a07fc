import { getCACertificates } from "node:tls";
import { Agent } from "undici";
import type { ResolvedOptions } from "../comfy-options.ts";

/** Connections that trust the usual certificates, and those of the options beside. */
export function makeAgent({ ca }: Pick<ResolvedOptions, "ca">, limits: Agent.Options = {}): Agent {
  const options = { ...limits, webSocket: { maxPayloadSize: 2 ** 29 } };
  if (ca === undefined) return new Agent(options);
  // undici takes `ca` in place of what is trusted otherwise.
  const trusted = [...getCACertificates("default"), ...[ca].flat().map((pem) => Buffer.from(pem))];
  return new Agent({ ...options, connect: { ca: trusted } });
}
