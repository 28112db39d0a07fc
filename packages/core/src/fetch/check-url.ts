import { isIP } from "node:net";
import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import type { InputRules } from "../image/input-rules.ts";
import { isPublicAddress } from "./public-address.ts";

/**
 * Holds an input's URL against the rules, as far as the URL itself tells; where its name leads to is found out on connecting.
 *
 * @throws InvalidRequestError naming the field and the rule.
 */
export function checkUrl(url: URL, field: string, { allowHosts, allowPrivate = false }: InputRules): void {
  const refuse = (message: string) => new InvalidRequestError([{ field, message }]);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw refuse(`${url.protocol} URLs are not fetched; must be http or https`);
  const host = hostOf(url);
  if (allowHosts !== undefined && !allowHosts.some((allowed) => matches(allowed, url)))
    throw refuse(`${host} is not among the hosts that inputs may come from (the client's inputs.allowHosts)`);
  if (allowPrivate) return;
  const isName = isIP(host) === 0;
  if (isName ? host === "localhost" || host.endsWith(".localhost") : !isPublicAddress(host))
    throw refuse(notPublic(host));
}

/** What to say of a host whose address is not public. */
export function notPublic(host: string): string {
  return `${host} is not at a public address, where inputs are fetched from (the client's inputs.allowPrivate takes others)`;
}

/** A URL's host without brackets or a last dot. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
}

function matches(allowed: string, url: URL): boolean {
  const wanted = allowed.toLowerCase();
  const host = hostOf(url);
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return [host, `${host}:${port}`, `[${host}]`, `[${host}]:${port}`].some((name) =>
    wanted.startsWith("*.") ? name.endsWith(wanted.slice(1)) : name === wanted,
  );
}
