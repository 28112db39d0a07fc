import type { LookupAddress, LookupOptions } from "node:dns";
import type { LookupFunction } from "node:net";
import { isPublicAddress } from "./public-address.ts";

/** A name leads to no public address. */
export class NotPublic extends Error {
  override readonly name = "NotPublic";
}

type Found = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void;

/**
 * A name's public addresses, for the option `lookup` of a connection: it goes to one of these very addresses, so that a name which leads
 * elsewhere a moment later gains nothing. Fails with {@link NotPublic} where there are none.
 */
export const lookupPublic: LookupFunction = (host, options, found) => {
  void lookUp(host, options, found as Found);
};

async function lookUp(host: string, options: LookupOptions, found: Found): Promise<void> {
  const { lookup } = await import("node:dns");
  lookup(host, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return found(error, []);
    const fit = addresses.filter(({ address }) => isPublicAddress(address));
    const [first] = fit;
    if (first === undefined) return found(new NotPublic("not at a public address"), []);
    return options.all === true ? found(null, fit) : found(null, first.address, first.family);
  });
}

/**
 * How what a service names may be fetched. A service in a private network may lead anywhere; one at a public address to public ones alone:
 * `"public"` says to connect by {@link lookupPublic}, `"none"` that the place is not public.
 */
export async function wayTo(url: URL, service: URL): Promise<"any" | "public" | "none"> {
  if (url.host === service.host || !(await isPublicHost(service))) return "any";
  return (await isPublicHost(url)) ? "public" : "none";
}

async function isPublicHost({ hostname }: URL): Promise<boolean> {
  const { lookup } = await import("node:dns/promises");
  const addresses = await lookup(hostname.replace(/^\[|\]$/g, ""), { all: true }).catch(() => []);
  return addresses.length > 0 && addresses.every(({ address }) => isPublicAddress(address));
}
