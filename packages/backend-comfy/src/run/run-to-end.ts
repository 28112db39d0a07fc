import type { GenerationEvent } from "@latentkit/core";
import type { Translator } from "../comfy-events.ts";
import type { Graph, InputValue } from "../graph/graph.ts";
import type { ComfyServer } from "../server/comfy-server.ts";
import type { FileRef, HistoryEntry } from "../server/queue.ts";
import { viewUrl } from "../server/view-url.ts";
import { followPrompt } from "./follow.ts";
import { cachedNodes, failureOf } from "./outcome.ts";
import { type PromptJob, runPrompt, type Taken } from "./run-prompt.ts";

/** A prompt that has ended. */
export interface Ended {
  promptId: string;
  history: HistoryEntry;
  /** Why it failed, where it did. */
  failure: Error | undefined;
}

/** What is run, and what its results are for. */
export interface Run {
  job: PromptJob;
  /** The prompt of an earlier process to go on with, in place of queueing one. */
  resumed?: { promptId: string; clientId: string };
  /** Ends of the graph that are read. */
  ends: readonly string[];
  /** What its news mean; made anew for each time that it runs. */
  translate(graph: Graph): Translator;
  /** Tells of a prompt that the server has taken. */
  queued(taken: Taken): Iterable<GenerationEvent>;
  /** Takes the results of an ended prompt. @returns ends whose results were lost on the way. */
  collect(ended: Ended): AsyncGenerator<GenerationEvent, readonly string[]>;
}

/** How often a prompt may be run again. */
const maxReruns = 2;

/**
 * Runs to the end, and again, with a `job_rerun` warning, as often as finished results were lost: pictures with the
 * socket, files that were deleted since a cached node wrote them. The server's cache gives all but the last step.
 */
export async function* runToEnd(
  server: ComfyServer,
  run: Run,
  signal: AbortSignal,
): AsyncGenerator<GenerationEvent, Ended> {
  let { job, resumed } = run;
  for (let rerun = 0; ; rerun++) {
    let promptId = resumed?.promptId ?? "";
    const translator = run.translate(job.graph);
    const news =
      resumed === undefined
        ? runPrompt(server, { ...job, ends: run.ends }, signal)
        : followPrompt(server, resumed, signal);
    for await (const item of news) {
      if (item.kind !== "taken") yield* translator.events(item);
      else {
        promptId = item.promptId;
        yield* run.queued(item);
      }
    }
    const history = translator.history!;
    const ended = { promptId, history, failure: failureOf(history, promptId) };
    const lost = yield* run.collect(ended);
    if (lost.length === 0 || ended.failure !== undefined || rerun === maxReruns) return ended;
    const message = `What ${lost.length} node(s) made did not arrive, or their files were deleted: the server is asked for it again.`;
    yield { type: "warning", code: "job_rerun", message };
    resumed = undefined;
    job = { ...job, graph: graphOf(job.graph, run.ends, lost) };
  }
}

/** Files that a cached node wrote in an earlier run, and that somebody has deleted since. @returns the nodes' ids. */
export async function nodesWithoutFiles(
  server: ComfyServer,
  history: HistoryEntry,
  filesOf: (nodeId: string) => readonly FileRef[],
): Promise<string[]> {
  const checked = await Promise.all(
    cachedNodes(history).map(async (id) => {
      const found = await Promise.all(filesOf(id).map((file) => isThere(server, file)));
      return found.includes(false) ? [id] : [];
    }),
  );
  return checked.flat();
}

/** A file counts as there unless the server says that it is not: a job that has ended well must not fail over the question. */
async function isThere(server: ComfyServer, file: FileRef): Promise<boolean> {
  const asked = server.http.fetch(new URL(viewUrl(server.url, file).url), "HEAD");
  const status = await asked.then((reply) => reply.status).catch(() => undefined);
  return status !== 404;
}

/** Without ends whose results have come, and with the lost ones in a form that the cache has no answer for. */
function graphOf(graph: Graph, ends: readonly string[], lost: readonly string[]): Graph {
  const used = new Set(Object.values(graph).flatMap(({ inputs }) => Object.values(inputs).map(sourceOf)));
  const kept = Object.entries(graph).filter(([id]) => !ends.includes(id) || lost.includes(id) || used.has(id));
  return Object.fromEntries(kept.map(([id, node]) => [id, lost.includes(id) ? refreshed(node) : node]));
}

function sourceOf(value: InputValue): string | undefined {
  return Array.isArray(value) ? String(value[0]) : undefined;
}

/** An input that the node does not declare goes into its cache key, and no further. */
function refreshed(node: Graph[string]): Graph[string] {
  return { ...node, inputs: { ...node.inputs, latentkit_again: crypto.randomUUID() } };
}
