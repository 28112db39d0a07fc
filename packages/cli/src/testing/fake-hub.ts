import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What goes wrong with one answer: it ends early with or without a word, is of other bytes, or is the whole although a part was asked for. */
export type Fault =
  | { cutAfter: number }
  | { endAfter: number }
  | { corrupt: true }
  | { whole: true }
  | { status: number };

export interface FakeHubOptions {
  /** Files of the one model, `owner/model`, by path. */
  files: Record<string, Uint8Array | string>;
  /** The token that it takes; anyone's where absent. */
  token?: string;
  /** The commit that it names; its own where absent. */
  sha?: string;
}

export const commit = "0123456789abcdef0123456789abcdef01234567";

/**
 * A server that speaks the Hub's endpoints for one model, `owner/model` at `main` and `fp16`, after the Hub's own answers (November 2026):
 * model info, a tree in pages, and files that large ones are sent elsewhere for.
 */
export class FakeHub {
  /** Requests of files so far: path and range. */
  readonly asked: { path: string; range?: string | undefined }[] = [];
  /** Tokens that the place of the large files was shown: there must be none. */
  readonly leaked: string[] = [];
  /** Faults of the next answers for a path, first come first served. */
  readonly faults = new Map<string, Fault[]>();
  readonly #options: FakeHubOptions;
  readonly #hub: Server;
  readonly #cdn: Server;

  private constructor(options: FakeHubOptions) {
    this.#options = options;
    this.#hub = createServer((request, response) => this.#answer(request, response));
    this.#cdn = createServer((request, response) => {
      if (request.headers.authorization) this.leaked.push(request.headers.authorization);
      this.#file(decodeURIComponent(request.url!.slice(1)), request, response);
    });
  }

  static async start(options: FakeHubOptions): Promise<FakeHub> {
    const hub = new FakeHub(options);
    // Not the same host: what is one origin decides where the token goes.
    await new Promise<void>((resolve) => hub.#hub.listen(0, "127.0.0.1", resolve));
    await new Promise<void>((resolve) => hub.#cdn.listen(0, "127.0.0.1", resolve));
    return hub;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#hub.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    if (!this.#hub.listening) return;
    for (const server of [this.#hub, this.#cdn]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  /** What the Hub names a file by. */
  static oidOf(bytes: Uint8Array, isLarge: boolean): string {
    return isLarge
      ? createHash("sha256").update(bytes).digest("hex")
      : createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
  }

  #bytes(path: string): Buffer | undefined {
    const content = this.#options.files[path];
    return content === undefined ? undefined : Buffer.from(content as Uint8Array);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url!, this.url);
    const { token } = this.#options;
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401, { "content-type": "application/json", "x-error-code": "GatedRepo" });
      return void response.end(JSON.stringify({ error: "Access to model owner/model is restricted." }));
    }
    const [, revision] = /^\/api\/models\/owner\/model\/revision\/([^/]+)$/.exec(url.pathname) ?? [];
    const isKnown = (name: string) => ["main", "HEAD", "fp16", commit].includes(decodeURIComponent(name));
    if (revision !== undefined && isKnown(revision)) {
      const siblings = Object.keys(this.#options.files).map((rfilename) => ({ rfilename }));
      return void json(response, {
        _id: "1",
        id: "owner/model",
        sha: this.#options.sha ?? commit,
        private: false,
        gated: false,
        likes: 0,
        downloads: 0,
        siblings,
        lastModified: "2026-11-01T00:00:00.000Z",
      });
    }
    const [, tree] = /^\/api\/models\/owner\/model\/tree\/([^/]+)$/.exec(url.pathname) ?? [];
    if (tree !== undefined && isKnown(tree)) return void this.#tree(url, response);
    const [, at, path] = /^\/owner\/model\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname) ?? [];
    if (path !== undefined && isKnown(at!)) return void this.#resolve(decodeURIComponent(path), request, response);
    response.writeHead(404, { "content-type": "application/json", "x-error-code": "RepoNotFound" });
    response.end(JSON.stringify({ error: "Repository not found" }));
  }

  /** Two entries a page, so that the pages are followed. */
  #tree(url: URL, response: ServerResponse): void {
    const entries = Object.keys(this.#options.files).map((path) => {
      const bytes = this.#bytes(path)!;
      const isLarge = isLfs(path);
      const own = FakeHub.oidOf(bytes, false);
      const lfs = isLarge ? { lfs: { oid: FakeHub.oidOf(bytes, true), size: bytes.length, pointerSize: 130 } } : {};
      return { type: "file", oid: own, size: bytes.length, path, ...lfs };
    });
    const from = Number(url.searchParams.get("cursor") ?? 0);
    url.searchParams.set("cursor", String(from + 2));
    const link = from + 2 < entries.length ? { link: `<${url.href}>; rel="next"` } : {};
    json(response, entries.slice(from, from + 2), link);
  }

  #resolve(path: string, request: IncomingMessage, response: ServerResponse): void {
    const bytes = this.#bytes(path);
    if (bytes === undefined) {
      response.writeHead(404, { "x-error-code": "EntryNotFound" });
      return void response.end();
    }
    if (!isLfs(path)) return void this.#file(path, request, response);
    const { port } = this.#cdn.address() as AddressInfo;
    const linked = { "x-linked-size": String(bytes.length), "x-linked-etag": `"${FakeHub.oidOf(bytes, true)}"` };
    response.writeHead(302, {
      location: `http://127.0.0.1:${port}/${encodeURIComponent(path)}`,
      "x-repo-commit": commit,
      ...linked,
    });
    response.end();
  }

  #file(path: string, request: IncomingMessage, response: ServerResponse): void {
    const { range } = request.headers;
    if (request.method === "GET") this.asked.push({ path, range });
    const fault = request.method === "GET" ? this.faults.get(path)?.shift() : undefined;
    if (fault !== undefined && "status" in fault) return void response.writeHead(fault.status).end();
    const all = this.#bytes(path)!;
    const bytes = fault !== undefined && "corrupt" in fault ? all.map((value) => value ^ 1) : all;
    const from = fault !== undefined && "whole" in fault ? 0 : Number(/^bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0);
    if (from >= bytes.length && from > 0)
      return void response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
    const part = bytes.subarray(from);
    const end = fault !== undefined && "endAfter" in fault ? fault.endAfter : undefined;
    response.writeHead(from > 0 ? 206 : 200, {
      etag: `"${FakeHub.oidOf(all, isLfs(path))}"`,
      "x-repo-commit": commit,
      "accept-ranges": "bytes",
      ...(from > 0 ? { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
      // Without a length an early end looks like a whole file.
      ...(end === undefined ? { "content-length": String(part.length) } : {}),
    });
    if (request.method === "HEAD") return void response.end();
    if (fault !== undefined && "cutAfter" in fault) {
      response.write(part.subarray(0, fault.cutAfter), () => setTimeout(() => response.destroy(), 20));
    } else response.end(part.subarray(0, end));
  }
}

/** As the Hub's .gitattributes have it. */
function isLfs(path: string): boolean {
  return /\.(safetensors|bin|ckpt|onnx)$/.test(path);
}

function json(response: ServerResponse, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(200, { "content-type": "application/json; charset=utf-8", ...headers });
  response.end(JSON.stringify(value));
}
