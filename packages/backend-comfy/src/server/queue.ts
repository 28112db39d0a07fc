import type { Graph } from "../graph/graph.ts";
import type { ComfyHttp } from "../http/comfy-http.ts";

/** Which prompts a server is running, and which wait, in the order in which they will run. */
export interface QueueSnapshot {
  running: readonly string[];
  pending: readonly string[];
  /** A prompt that is called running has a node without `inputs`: it has killed ComfyUI's worker, and will never end. */
  runsDeadly: boolean;
}

type Entry = [number, string, prompt?: unknown, ...rest: unknown[]];

/** @throws ConnectionError and its kin. */
export async function readQueue(http: ComfyHttp, signal?: AbortSignal): Promise<QueueSnapshot> {
  const { running, pending } = await askQueue(http, signal);
  pending.sort((a, b) => Number(a[0]) - Number(b[0]));
  return {
    running: running.map(([, id]) => id),
    pending: pending.map(([, id]) => id),
    runsDeadly: running.some(([, , prompt]) => isDeadly(prompt)),
  };
}

/** A prompt that runs or waits, with its graph where the server tells it; undefined where it does neither. */
export async function findQueued(
  http: ComfyHttp,
  promptId: string,
  signal: AbortSignal,
): Promise<{ graph: Graph | undefined } | undefined> {
  const { running, pending } = await askQueue(http, signal);
  const found = [...running, ...pending].find(([, id]) => id === promptId);
  return found === undefined ? undefined : { graph: found[2] as Graph | undefined };
}

async function askQueue(http: ComfyHttp, signal?: AbortSignal): Promise<{ running: Entry[]; pending: Entry[] }> {
  const queue = await http.json<{ queue_running?: Entry[]; queue_pending?: Entry[] }>("GET", "/queue", {
    what: "queue",
    ...(signal === undefined ? {} : { signal }),
  });
  return { running: queue.queue_running ?? [], pending: queue.queue_pending ?? [] };
}

function isDeadly(prompt: unknown): boolean {
  if (typeof prompt !== "object" || prompt === null) return false;
  return Object.values(prompt).some((node) => typeof node === "object" && node !== null && !("inputs" in node));
}

/** Jobs before this one; undefined when it is not in the queue at all. */
export function positionIn(
  { running, pending }: Pick<QueueSnapshot, "running" | "pending">,
  promptId: string,
): number | undefined {
  if (running.includes(promptId)) return 0;
  const at = pending.indexOf(promptId);
  return at < 0 ? undefined : at + running.length;
}

/** A picture file on the server. */
export interface FileRef {
  filename: string;
  subfolder?: string;
  type?: string;
}

/** What a node left behind: pictures, and whatever else custom nodes report. */
export type NodeOutput = { images?: FileRef[] } & Record<string, unknown>;

/** A prompt that has ended, as `/history` keeps it. */
export interface HistoryEntry {
  prompt?: [number, string, Record<string, unknown>, Record<string, unknown>, unknown];
  outputs: Record<string, NodeOutput>;
  status?: { status_str?: string; completed?: boolean; messages?: [string, Record<string, unknown>][] };
}

/** The history of one prompt; undefined while there is none. */
export async function readHistory(http: ComfyHttp, promptId: string): Promise<HistoryEntry | undefined> {
  const path = `/history/${encodeURIComponent(promptId)}`;
  const history = await http.json<Record<string, HistoryEntry>>("GET", path, { what: "history" });
  const entry = history[promptId];
  return entry === undefined ? undefined : { ...entry, outputs: entry.outputs ?? {} };
}
