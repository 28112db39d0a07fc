import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { type ListFileEntry, listFiles, modelInfo } from "@huggingface/hub";
import {
  AuthenticationError,
  ConnectionError,
  GenerationError,
  headDeadline,
  LatentKitError,
  NotFoundError,
  readBody,
  registerSecret,
} from "@latentkit/core";

/** The Hub, or a server that speaks its endpoints. */
export interface Hub {
  endpoint: string;
  fetch: typeof fetch;
  /** Whether nothing may be fetched: `HF_HUB_OFFLINE`. */
  isOffline: boolean;
}

/**
 * The Hub as the environment describes it: `HF_ENDPOINT`, `HF_TOKEN` (or the file that `hf auth login` writes), `HF_HUB_OFFLINE`.
 *
 * @param token goes before the environment's.
 */
export async function openHub(env: NodeJS.ProcessEnv, token?: string): Promise<Hub> {
  const endpoint = (env.HF_ENDPOINT || "https://huggingface.co").replace(/\/+$/, "");
  const secret = token || env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN || (await tokenOfLogin(env));
  registerSecret(secret);
  return {
    endpoint,
    isOffline: /^(1|true|yes|on)$/i.test(env.HF_HUB_OFFLINE ?? ""),
    async fetch(input, init) {
      const headers = new Headers(init?.headers);
      // The token is the endpoint's: fetch takes it away where a redirect leads to another host.
      if (secret && new URL(String(input)).origin === new URL(endpoint).origin)
        headers.set("authorization", `Bearer ${secret}`);
      headers.set("user-agent", "latentkit");
      return fetch(input, { ...init, headers });
    },
  };
}

async function tokenOfLogin(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const home = env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "huggingface");
  const text = await readFile(env.HF_TOKEN_PATH || join(home, "token"), "utf8").catch(() => "");
  return text.trim() || undefined;
}

/** One file of a repository. */
export interface HubFile {
  path: string;
  size: number;
  /** SHA-256 of a large file, git's SHA-1 of another. */
  oid: string;
  isLarge: boolean;
}

/** A repository at one commit. */
export interface HubSnapshot {
  commit: string;
  files: HubFile[];
}

/**
 * A model's files at a revision.
 *
 * @throws NotFoundError, AuthenticationError, ConnectionError saying what would be right.
 */
export async function readSnapshot(
  hub: Hub,
  name: string,
  revision: string,
  signal: AbortSignal,
): Promise<HubSnapshot> {
  const asked = { hubUrl: hub.endpoint, fetch: boundedFetch(hub, signal) };
  try {
    const { sha } = await modelInfo({ ...asked, name, revision, additionalFields: ["sha"] });
    // It becomes a folder's name.
    if (!/^[0-9a-f]{40,64}$/.test(sha))
      throw new GenerationError(`${hub.endpoint} names no commit of ${name}: it says ${JSON.stringify(sha)}.`);
    const files: HubFile[] = [];
    for await (const entry of listFiles({ ...asked, repo: { type: "model", name }, revision: sha, recursive: true })) {
      if (entry.type === "file") files.push(toFile(entry));
    }
    return { commit: sha, files };
  } catch (error) {
    signal.throwIfAborted();
    throw LatentKitError.isInstance(error) ? error : hubError(error, hub, name, revision);
  }
}

function toFile({ path, size, oid, lfs }: ListFileEntry): HubFile {
  return lfs === undefined
    ? { path, size, oid: oid ?? "", isLarge: false }
    : { path, size: lfs.size, oid: lfs.oid, isLarge: true };
}

/** A page of a thousand files has some 300 kB. */
const maxAnswerBytes = 32 * 2 ** 20;
const maxAnswers = 1000;
const [slowMs, wholeMs] = [60_000, 600_000];

/** Asks for lists: each is read within limits of size and time, and so many of them. */
function boundedFetch(hub: Hub, signal: AbortSignal): typeof fetch {
  let answers = 0;
  return async (input, init) => {
    if (++answers > maxAnswers)
      throw new GenerationError(`${hub.endpoint} lists files in more than ${maxAnswers} parts.`);
    using deadline = headDeadline(slowMs, hub.endpoint, signal);
    const reply = await hub.fetch(input, { ...init, signal: deadline.signal });
    deadline.met();
    if (reply.body === null) return reply;
    const limits = { maxBytes: maxAnswerBytes, timeoutMs: slowMs, wholeMs, what: hub.endpoint };
    const bytes = await readBody(Readable.fromWeb(reply.body as ReadableStream), limits);
    const { status, statusText, headers } = reply;
    return new Response(new Uint8Array(bytes), { status, statusText, headers });
  };
}

/** An error of the Hub's, or of the way to it, as one of ours that says what would help. */
export function hubError(error: unknown, { endpoint }: Hub, name: string, revision: string): Error {
  const { statusCode: status } = error as { statusCode?: number };
  const details = { cause: error, details: { status, endpoint } };
  const at = revision === "main" ? name : `${name} at ${revision}`;
  if (status === 404) return new NotFoundError(`${endpoint} has no model ${at}.`, details);
  if (status === 401 || status === 403) {
    const why = `${endpoint} does not give ${at} (HTTP ${status}): it is private, gated, or not there`;
    const how = `accept its terms at ${endpoint}/${name} and set HF_TOKEN to a token that may read it (or give --token)`;
    return new AuthenticationError(`${why}; ${how}.`, details);
  }
  if (status !== undefined) {
    const retryable = status >= 500 || status === 429;
    return new GenerationError(`${endpoint} answered HTTP ${status} for ${at}.`, { ...details, retryable });
  }
  const { code, message } = ((error as Error).cause ?? error) as { code?: string; message?: string };
  const why = message === undefined || message === "" ? code : code === undefined ? message : `${code}: ${message}`;
  // What went wrong on this machine's disk is no matter of the network.
  if (/^E(NOSPC|ACCES|PERM|ROFS|NOENT|ISDIR|DQUOT)$/.test(code ?? "")) return error as Error;
  return new ConnectionError(`The connection to ${endpoint} failed (${why}).`, { ...details, retryable: true });
}
