import { NotFoundError } from "@latentkit/core";
import { notComfyError } from "../comfy-error.ts";
import type { ResolvedOptions } from "../comfy-options.ts";
import { ComfyHttp, readServerVersions } from "../http/comfy-http.ts";
import { abortable } from "../run/abortable.ts";
import { Uploads } from "../run/uploads.ts";
import { ComfySocket } from "../socket/comfy-socket.ts";
import { ObjectInfo } from "./object-info.ts";
import { type HistoryEntry, type QueueSnapshot, readHistory, readQueue } from "./queue.ts";

interface Aged<T> {
  at: number;
  value: Promise<T>;
}

/** One ComfyUI server: its HTTP, its sockets, and what it has said about itself. */
export class ComfyServer {
  readonly http: ComfyHttp;
  readonly uploads: Uploads;
  readonly #options: ResolvedOptions;
  readonly #sockets = new Map<string, ComfySocket>();
  readonly #cache = new Map<string, Aged<unknown>>();

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.http = new ComfyHttp(options);
    this.uploads = new Uploads(this.http);
  }

  /** Not a property of its own: keys and headers are in it, and whoever prints a backend must not print them. */
  get options(): ResolvedOptions {
    return this.#options;
  }

  get url(): string {
    return this.#options.url;
  }

  /** Node definitions, at most `objectInfoTtlMs` old. @throws ConnectionError when this is no ComfyUI. */
  objectInfo(signal?: AbortSignal): Promise<ObjectInfo> {
    const load = async () => {
      const raw = await this.http.json<unknown>("GET", "/object_info", { what: "object_info" }).catch((error) => {
        throw NotFoundError.isInstance(error) ? notComfyError(this.url, "/object_info answers HTTP 404", error) : error;
      });
      const info = ObjectInfo.parse(raw);
      if (!info.has("KSampler") && !info.has("SaveImage"))
        throw notComfyError(this.url, "/object_info has no nodes of ComfyUI's");
      return info;
    };
    return abortable(this.#cached("object_info", this.options.objectInfoTtlMs, load), signal);
  }

  /** Names of textual inversions. */
  embeddings(signal?: AbortSignal): Promise<string[]> {
    const load = () => this.http.json<string[]>("GET", "/embeddings", { what: "embeddings" });
    return abortable(this.#cached("embeddings", this.options.objectInfoTtlMs, load), signal);
  }

  /** Versions that bear on the pixels. */
  versions(signal?: AbortSignal): Promise<Record<string, string>> {
    return abortable(
      this.#cached("versions", this.options.objectInfoTtlMs, () => readServerVersions(this.http)),
      signal,
    );
  }

  /** `modelspec.architecture` of a model's file, where the server reads it; undefined where not. */
  architecture(folder: string, filename: string, signal?: AbortSignal): Promise<string | undefined> {
    const load = async () => {
      const call = { query: { filename } };
      const metadata = await this.http
        .json<Record<string, unknown>>("GET", `/view_metadata/${folder}`, call)
        .catch(() => ({}));
      const told = (metadata as Record<string, unknown> | null)?.["modelspec.architecture"];
      return typeof told === "string" ? told : undefined;
    };
    return abortable(this.#cached(`${folder}/${filename}`, Number.POSITIVE_INFINITY, load), signal);
  }

  /** The queue, at most `maxAgeMs` old: many jobs share one look. */
  queue(maxAgeMs = 0): Promise<QueueSnapshot> {
    return this.#cached("queue", maxAgeMs, () => readQueue(this.http));
  }

  history(promptId: string): Promise<HistoryEntry | undefined> {
    return readHistory(this.http, promptId);
  }

  /**
   * Forgets its definitions where they were asked for before `since` (as `performance.now()` has it).
   *
   * @returns whether there were any so old.
   */
  forgetDefinitions(since: number): boolean {
    const old = ["object_info", "embeddings"].filter((key) => (this.#cache.get(key)?.at ?? since) < since);
    for (const key of old) this.#cache.delete(key);
    return old.length > 0;
  }

  /** Forgets what the server said, after it refused something that it had listed. */
  forget(): void {
    this.#cache.clear();
    this.uploads.forget();
  }

  /** The socket of a client id, shared by its jobs. */
  socket(clientId: string): ComfySocket {
    let socket = this.#sockets.get(clientId);
    if (socket === undefined) {
      socket = new ComfySocket(this.options, clientId);
      this.#sockets.set(clientId, socket);
    }
    return socket;
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#sockets.values()].map((socket) => socket.dispose()));
    this.#sockets.clear();
    await this.http.close();
  }

  #cached<T>(key: string, maxAgeMs: number, load: () => Promise<T>): Promise<T> {
    const known = this.#cache.get(key) as Aged<T> | undefined;
    if (known !== undefined && performance.now() - known.at < maxAgeMs) return known.value;
    const value = load();
    const entry: Aged<T> = { at: performance.now(), value };
    this.#cache.set(key, entry);
    value.catch(() => {
      if (this.#cache.get(key) === entry) this.#cache.delete(key);
    });
    return value;
  }
}
