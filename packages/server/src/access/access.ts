import { refuse } from "../http-error.ts";
import type { ResolvedOptions } from "../server-options.ts";
import { KeyRing } from "./api-key.ts";

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

/** Who may call: by the name that a request is addressed to, by the page that it comes from, and by the key that it shows. */
export class Access {
  readonly #keys: KeyRing;
  readonly #hosts: readonly string[];
  readonly #origins: readonly string[];

  constructor({ apiKeys, hosts, cors }: Pick<ResolvedOptions, "apiKeys" | "hosts" | "cors">) {
    this.#keys = new KeyRing(apiKeys);
    this.#hosts = (hosts ?? (this.#keys.isEmpty ? [] : ["*"])).map((host) => host.toLowerCase());
    this.#origins = cors;
  }

  /**
   * A page of another site may lead its own name to this machine (DNS rebinding), and then call the server as its own: the name tells.
   *
   * @throws HttpError 403.
   */
  checkHost(request: Request): void {
    const host = hostOf(request);
    const name = host.replace(/:\d+$/, "").toLowerCase();
    if (loopback.test(name) || this.#hosts.includes("*")) return;
    if (this.#hosts.includes(name) || this.#hosts.includes(host.toLowerCase())) return;
    throw refuse("forbidden", `This server is not addressed as "${name}": add the name to its hosts.`);
  }

  /**
   * What a page of another origin sends without asking first (a form, plain text) is refused: it comes with its origin.
   *
   * @throws HttpError 403.
   */
  checkOrigin(request: Request): void {
    const origin = request.headers.get("origin");
    const isForeign =
      origin === null ? request.headers.get("sec-fetch-site") === "cross-site" : !this.isOwn(request, origin);
    if (!isForeign || (origin !== null && this.#origins.includes(origin))) return;
    // A link to a picture or to the page is no call.
    if (request.method === "GET" && request.headers.get("sec-fetch-mode") === "navigate") return;
    throw refuse(
      "forbidden",
      `Pages of ${origin ?? "other sites"} may not call this server: add the origin to its cors.`,
    );
  }

  /** Whether an origin's pages may read what is answered. */
  allowsOrigin(origin: string): boolean {
    return this.#origins.includes(origin);
  }

  /** @returns the name of the caller's key; `""` where none is asked for. @throws HttpError 401. */
  caller(request: Request): string {
    if (this.#keys.isEmpty) return "";
    const shown = keyOf(request);
    const name = shown === undefined ? undefined : this.#keys.nameOf(shown);
    if (name !== undefined) return name;
    const error = refuse("unauthorized", shown === undefined ? "An API key is needed." : "The API key is not known.");
    error.headers["www-authenticate"] = 'Bearer realm="LatentKit"';
    throw error;
  }

  private isOwn(request: Request, origin: string): boolean {
    return URL.parse(origin)?.host === hostOf(request);
  }
}

function hostOf(request: Request): string {
  return request.headers.get("host") ?? new URL(request.url).host;
}

/** The key of `Authorization: Bearer`, of `X-API-Key`, or as the password of `Authorization: Basic`, as A1111's clients send it. */
function keyOf({ headers }: Request): string | undefined {
  const [, scheme = "", value = ""] = /^(Bearer|Basic)\s+(\S+)$/i.exec(headers.get("authorization") ?? "") ?? [];
  if (scheme.toLowerCase() === "bearer") return value;
  if (scheme !== "")
    return Buffer.from(value, "base64")
      .toString("utf8")
      .replace(/^[^:]*:/, "");
  return headers.get("x-api-key") ?? undefined;
}
