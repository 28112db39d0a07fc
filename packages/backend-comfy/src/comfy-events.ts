import { type GenerationEvent, LatentKitError } from "@latentkit/core";
import { plain } from "./comfy-error.ts";
import type { Graph } from "./graph/graph.ts";
import type { PromptNews } from "./run/follow.ts";
import { ProgressTracker } from "./run/progress-tracker.ts";
import type { FileRef, HistoryEntry, NodeOutput } from "./server/queue.ts";
import type { ImageFrame, JsonFrame } from "./socket/frames.ts";

/** How a prompt's frames are read. */
export interface TranslatorOptions {
  graph: Graph;
  /** Which picture each end of the graph gives. */
  outputs: Readonly<Record<string, number>>;
  /** Every how many steps a preview is passed on; 0 is never. */
  previewEvery: number;
  /** Told as soon as a picture is there; false leaves it for the end. */
  picture: (found: FoundPicture) => GenerationEvent | undefined;
  /** What `started` tells beside. */
  started: () => Extract<GenerationEvent, { type: "started" }>;
}

/** A finished picture: its bytes from the socket, or its file on the server. */
export type FoundPicture = { nodeId: string } & ({ mediaType: string; bytes: Uint8Array } | { file: FileRef });

/** Turns what is heard of a prompt into the contract's events; pictures and the ending are left to the caller. */
export class Translator {
  history: HistoryEntry | undefined;
  readonly #options: TranslatorOptions;
  readonly #tracker: ProgressTracker;
  /** Nodes whose files are of an earlier run, and may be gone: they wait for the end, where that is looked at. */
  readonly #cached = new Set<string>();
  #started = false;
  /** Whether a preview has come, or could not: nothing is heard. */
  #isPreviewKnown = false;
  #sampled = 0;
  #position: number | undefined;

  constructor(options: TranslatorOptions) {
    this.#options = options;
    this.#tracker = new ProgressTracker(options.graph, (id) => indexOf(id, options.outputs));
  }

  /** Events of one piece of news, in order. */
  *events(news: PromptNews): Generator<GenerationEvent> {
    if (news.kind === "pending") {
      if (this.#started || news.position === this.#position) return;
      this.#position = news.position;
      yield { type: "queued", position: news.position };
    } else if (news.kind === "ended") {
      this.history = news.history;
      yield* this.#start();
      const { previewEvery } = this.#options;
      if (previewEvery > 0 && this.#sampled >= previewEvery && !this.#isPreviewKnown) yield noPreviews;
    } else if (news.kind === "deaf") {
      this.#isPreviewKnown = true;
      yield deafWarning(news.failure, this.#options.previewEvery);
    } else if (news.kind === "running") {
      yield* this.#start();
    } else if (news.kind === "text") {
      if (news.text !== "") yield { type: "log", level: "info", message: plain(`${news.nodeId}: ${news.text}`) };
    } else if (news.kind === "image") {
      yield* this.#image(news);
    } else if (typeof news.data["prompt_id"] === "string") {
      yield* this.#start();
      yield* this.#frame(news);
    }
  }

  *#start(): Generator<GenerationEvent> {
    if (this.#started) return;
    this.#started = true;
    yield this.#options.started();
  }

  *#frame({ type, data }: JsonFrame): Generator<GenerationEvent> {
    const node = data["node"];
    const display = typeof data["display_node"] === "string" ? data["display_node"] : undefined;
    if (type === "execution_cached" && Array.isArray(data["nodes"])) {
      for (const id of data["nodes"]) this.#cached.add(String(id));
      this.#tracker.cached([...this.#cached]);
    }
    if (type === "executing") yield* some(this.#tracker.executing(typeof node === "string" ? node : null, display));
    if (type === "executed" && typeof node === "string") {
      yield* some(this.#tracker.executed(node, display));
      yield* this.#files(node, data["output"]);
    }
    if (type === "progress" && typeof node === "string") {
      yield* this.#progress(node, Number(data["value"]), Number(data["max"]));
    }
    if (type === "progress_state") yield* this.#progressState(data["nodes"]);
    if (type === "execution_error" && data["exception_type"] === "ExecutionBlocked") {
      yield {
        type: "warning",
        code: "branch_blocked",
        message: plain(`Node ${data["node_id"]} was left out: ${data["exception_message"]}`),
      };
    }
  }

  *#files(nodeId: string, output: unknown): Generator<GenerationEvent> {
    const images = (output as NodeOutput | null | undefined)?.images;
    if (!Array.isArray(images) || this.#cached.has(nodeId)) return;
    for (const file of images) yield* some(this.#options.picture({ nodeId, file }));
  }

  *#progress(nodeId: string, value: number, max: number): Generator<GenerationEvent> {
    const event = this.#tracker.progress(nodeId, value, max);
    if (event?.type === "progress" && event.phase === "sample") this.#sampled = Math.max(this.#sampled, event.step);
    yield* some(event);
  }

  /** Cumulative: every node that has begun, each time. */
  *#progressState(nodes: unknown): Generator<GenerationEvent> {
    if (typeof nodes !== "object" || nodes === null) return;
    for (const [id, state] of Object.entries(nodes as Record<string, Record<string, unknown>>)) {
      const shown = typeof state["display_node_id"] === "string" ? state["display_node_id"] : id;
      if (state["state"] === "finished" && shown === id) yield* some(this.#tracker.executed(id));
      else if (state["state"] === "running" && Number(state["max"]) > 1) {
        yield* this.#progress(id, Number(state["value"]), Number(state["max"]));
      }
    }
  }

  *#image({ nodeId, mediaType, bytes }: ImageFrame): Generator<GenerationEvent> {
    const node = nodeId ?? this.#tracker.current;
    if (node !== undefined && this.#options.graph[node]?.class_type === "SaveImageWebsocket") {
      yield* some(this.#options.picture({ nodeId: node, mediaType, bytes }));
      return;
    }
    this.#isPreviewKnown = true;
    const { previewEvery } = this.#options;
    const step = this.#tracker.stepAt(node);
    if (previewEvery === 0 || (step > 0 && step % previewEvery !== 0)) return;
    yield* this.#start();
    const index = node === undefined ? 0 : (indexOf(node, this.#options.outputs) ?? 0);
    const base64 = Buffer.from(bytes).toString("base64");
    yield { type: "preview", index, step, image: { kind: "encoded", mediaType, base64 } };
  }
}

/** Older servers go by `--preview-method` alone, whose default is none. */
const noPreviews: GenerationEvent = {
  type: "warning",
  code: "no_previews",
  field: "previewEvery",
  message:
    "The server sent no previews: one before 0.3.76 makes them only when it was started with --preview-method auto (or latent2rgb, taesd).",
};

/** The work goes on without a socket; what then does not come must not be waited for. */
function deafWarning(failure: unknown, previewEvery: number): GenerationEvent {
  const why = LatentKitError.isInstance(failure) ? failure.message : "No WebSocket could be opened.";
  const lacks = previewEvery > 0 ? "no progress and no previews" : "no progress";
  return { type: "warning", code: "no_socket", message: `${why} The job runs, and shows ${lacks} until there is one.` };
}

/** Which picture a node works for: its id ends in the number, or it is an end of the graph, or there is only one. */
function indexOf(nodeId: string, outputs: Readonly<Record<string, number>>): number | undefined {
  const known = outputs[nodeId];
  if (known !== undefined) return known;
  const [base = nodeId] = nodeId.split(/[.:]/);
  const [, name = base, digits] = /^(.*?)(?:-(\d+))?$/.exec(base) ?? [];
  return /^(hires-)?(sampler|decode)$|^hires-/.test(name) ? Number(digits ?? 0) : undefined;
}

function* some(event: GenerationEvent | undefined): Generator<GenerationEvent> {
  if (event !== undefined) yield event;
}
