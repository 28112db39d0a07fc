import { paint, type Size, signatureOf, sizeOf } from "./picture.ts";
import { ancestry, type Prompt } from "./prompt.ts";
import type { Sockets } from "./sockets.ts";

/** A queued prompt: number, id, prompt, extra data, outputs to execute. */
export type QueueItem = [number, string, Prompt, { client_id?: string; preview_method?: string }, string[]];

/** An ended prompt. */
export interface HistoryItem {
  prompt: QueueItem;
  outputs: Record<string, { images: { filename: string; subfolder: string; type: string }[] }>;
  status: { status_str: string; completed: boolean; messages: [string, Record<string, unknown>][] };
}

/** What a test can make go wrong while a prompt runs. */
export interface WorkerFaults {
  /** Why a node fails; undefined when it does not. */
  fails?: (id: string, prompt: Prompt) => { message: string; type?: string; blocks?: boolean } | undefined;
  /** Milliseconds between `execution_success` and the history's writing. */
  historyDelayMs?: number;
  /** Somebody clears the history the moment that a job is written there. */
  clearsHistory?: boolean;
  /** It makes no previews, as older servers that were not told to on their command line. */
  lacksPreviews?: boolean;
  /** The history says success although an execution error is among its messages. */
  lyingStatus?: boolean;
  /** Samplers report under ids of nodes that they were expanded to. */
  expandsSamplers?: boolean;
  /** Frames of somebody else's prompt arrive in between. */
  foreignFrames?: boolean;
  /** Milliseconds after a job in which nothing runs: the real worker collects its garbage before it takes the next. */
  gapMs?: number;
  /** Milliseconds of a sampling step. */
  stepMs?: number;
}

class Interrupted extends Error {}

/** The one worker of a server: runs prompts in order, and dies for good of a node without `inputs`. */
export class Worker {
  readonly queue: QueueItem[] = [];
  readonly history = new Map<string, HistoryItem>();
  readonly files = new Map<string, Uint8Array>();
  running: QueueItem | undefined;
  /** Prompts that ran to an end, by id: more than once is a fault of the client's. */
  readonly runs: string[] = [];
  isDead = false;
  readonly #sockets: Sockets;
  readonly #uploads: ReadonlyMap<string, Size>;
  readonly #faults: WorkerFaults;
  readonly #cache = new Map<string, HistoryItem["outputs"][string] | undefined>();
  #interrupted = false;
  #counter = 0;
  #isWorking = false;
  #generation = 0;

  constructor(sockets: Sockets, uploads: ReadonlyMap<string, Size>, faults: WorkerFaults) {
    this.#sockets = sockets;
    this.#uploads = uploads;
    this.#faults = faults;
  }

  get remaining(): number {
    return this.queue.length + (this.running === undefined ? 0 : 1);
  }

  put(item: QueueItem): void {
    this.queue.push(item);
    this.queue.sort((a, b) => a[0] - b[0]);
    this.tellStatus();
    void this.#work();
  }

  delete(id: string): void {
    const at = this.queue.findIndex((item) => item[1] === id);
    if (at < 0) return;
    this.queue.splice(at, 1);
    this.tellStatus();
  }

  interrupt(): void {
    this.#interrupted = true;
  }

  /** As after a restart: all is forgotten but the files in the output folder. */
  restart(): void {
    this.#generation++;
    this.queue.length = 0;
    this.history.clear();
    this.#cache.clear();
    for (const name of this.files.keys()) if (name.startsWith("temp/")) this.files.delete(name);
    this.running = undefined;
    this.isDead = false;
    this.#isWorking = false;
  }

  tellStatus(): void {
    this.#sockets.send("status", { status: { exec_info: { queue_remaining: this.remaining } } });
  }

  async #work(): Promise<void> {
    if (this.#isWorking) return;
    this.#isWorking = true;
    const generation = this.#generation;
    while (this.queue.length > 0 && !this.isDead && generation === this.#generation) {
      // The worker is another thread: it takes an item a moment after it was put.
      await pause(0);
      const item = this.queue.shift();
      if (item === undefined) break;
      this.running = item;
      this.#interrupted = false;
      if (Object.values(item[2]).some((node) => node.inputs === undefined)) {
        this.isDead = true;
        return;
      }
      const ended = await this.#execute(item, generation);
      if (generation !== this.#generation) return;
      await pause(this.#faults.historyDelayMs ?? 0);
      if (generation !== this.#generation) return;
      this.running = undefined;
      if (this.#faults.clearsHistory !== true) this.history.set(item[1], ended);
      this.runs.push(item[1]);
      this.tellStatus();
      const { client_id: client } = item[3];
      if (client !== undefined) this.#sockets.send("executing", { node: null, prompt_id: item[1] }, client);
      await pause(this.#faults.gapMs ?? 0);
    }
    this.#isWorking = false;
  }

  async #execute(item: QueueItem, generation: number): Promise<HistoryItem> {
    const [, promptId, prompt, { client_id: client }, ends] = item;
    const messages: HistoryItem["status"]["messages"] = [];
    const tell = (event: string, data: Record<string, unknown>, isMessage = false) => {
      const full = isMessage ? { prompt_id: promptId, ...data, timestamp: 1 } : { ...data, prompt_id: promptId };
      if (isMessage) messages.push([event, full]);
      if (client !== undefined && generation === this.#generation) this.#sockets.send(event, full, client);
    };
    tell("execution_start", {}, true);
    const isCached = (id: string) =>
      this.#cache.has(signatureOf(prompt, id)) && prompt[id]!.class_type !== "SaveImageWebsocket";
    const cached = Object.keys(prompt).filter(isCached);
    tell("execution_cached", { nodes: cached }, true);
    const outputs: HistoryItem["outputs"] = {};
    const states: Record<string, unknown> = {};
    const done = new Set<string>();
    let completed = true;
    try {
      for (const end of ends) {
        for (const id of ancestry(prompt, end)) {
          if (done.has(id)) continue;
          done.add(id);
          const output = await this.#node({ id, item, cached, tell, states, messages });
          if (output !== undefined) outputs[id] = output;
        }
      }
      tell("execution_success", {}, true);
    } catch (error) {
      completed = false;
      if (!(error instanceof Interrupted) && !(error instanceof NodeFailure)) throw error;
      const about = { node_id: error.message, node_type: prompt[error.message]?.class_type, executed: [...done] };
      if (error instanceof Interrupted) tell("execution_interrupted", about, true);
      else tell("execution_error", { ...about, ...error.about, traceback: ["Traceback …\n"] }, true);
    }
    const status_str = completed || this.#faults.lyingStatus ? "success" : "error";
    return { prompt: item, outputs, status: { status_str, completed, messages } };
  }

  async #node(run: NodeRun): Promise<HistoryItem["outputs"][string] | undefined> {
    const { id, item, cached, tell, states } = run;
    const [, promptId, prompt, { client_id: client }] = item;
    const { class_type } = prompt[id]!;
    const signature = signatureOf(prompt, id);
    if (cached.includes(id)) {
      const old = this.#cache.get(signature);
      if (old === undefined || client === undefined) return undefined;
      tell("executed", { node: id, display_node: id, output: old });
      return old;
    }
    states[id] = { value: 0, max: 1, state: "running", node_id: id, prompt_id: promptId, display_node_id: id };
    tell("progress_state", { nodes: states });
    tell("executing", { node: id, display_node: id });
    await pause(0);
    if (this.#interrupted) throw new Interrupted(id);
    const failure = this.#faults.fails?.(id, prompt);
    if (failure?.blocks) {
      const about = { exception_type: "ExecutionBlocked", exception_message: failure.message, traceback: [] };
      tell("execution_error", { node_id: id, node_type: class_type, ...about }, true);
      return undefined;
    }
    if (failure !== undefined) {
      throw new NodeFailure(id, { exception_message: failure.message, exception_type: failure.type ?? "RuntimeError" });
    }
    if (/^KSampler$|^SamplerCustom/.test(class_type)) await this.#sample(run);
    const output = await this.#deliver(run, signature);
    states[id] = { value: 1, max: 1, state: "finished", node_id: id, prompt_id: promptId, display_node_id: id };
    tell("progress_state", { nodes: states });
    this.#cache.set(signature, output);
    if (output !== undefined) tell("executed", { node: id, display_node: id, output });
    return output;
  }

  async #sample({ id, item, tell, states }: NodeRun): Promise<void> {
    const [, promptId, prompt, { client_id: client, preview_method = "none" }] = item;
    const max = Number(prompt[id]!.inputs["steps"] ?? 4);
    const preview = await paint("00".repeat(16), { width: 8, height: 8 }, "jpeg");
    const reporter = this.#faults.expandsSamplers ? `${id}.0.0.1` : id;
    for (let value = 1; value <= max; value++) {
      await pause(this.#faults.stepMs ?? 0);
      if (this.#interrupted) throw new Interrupted(id);
      states[reporter] = { value, max, state: "running", node_id: reporter, prompt_id: promptId, display_node_id: id };
      tell("progress_state", { nodes: states });
      tell("progress", { value, max, node: reporter });
      if (this.#faults.foreignFrames) this.#foreign(value, max);
      if (preview_method !== "none" && this.#faults.lacksPreviews !== true && client !== undefined) {
        const meta = {
          node_id: reporter,
          display_node_id: id,
          real_node_id: id,
          parent_node_id: null,
          prompt_id: promptId,
        };
        this.#sockets.sendImage(preview, "image/jpeg", meta, client);
      }
    }
  }

  /** Another client's prompt, whose frames reach everybody. */
  #foreign(value: number, max: number): void {
    this.#sockets.send("progress", { value, max, node: "sampler", prompt_id: "00000000-0000-4000-8000-00000000beef" });
    this.#sockets.send("execution_success", { prompt_id: "00000000-0000-4000-8000-00000000beef" });
  }

  async #deliver({ id, item }: NodeRun, signature: string): Promise<HistoryItem["outputs"][string] | undefined> {
    const [, promptId, prompt, { client_id: client }] = item;
    const { class_type, inputs } = prompt[id]!;
    if (!/^(SaveImage|PreviewImage|SaveImageWebsocket)$/.test(class_type)) return undefined;
    const source = (inputs["images"] as [string, number])[0];
    const picture = await paint(signatureOf(prompt, source), sizeOf(prompt, source, this.#uploads), "png");
    if (class_type === "SaveImageWebsocket") {
      if (client !== undefined)
        this.#sockets.sendImage(
          picture,
          "image/png",
          { node_id: id, display_node_id: id, prompt_id: promptId },
          client,
        );
      return undefined;
    }
    const type = class_type === "SaveImage" ? "output" : "temp";
    const prefix = class_type === "SaveImage" ? String(inputs["filename_prefix"]) : `temp_${signature.slice(0, 8)}`;
    const parts = prefix.split("/");
    const filename = `${parts.pop()}_${String(++this.#counter).padStart(5, "0")}_.png`;
    const subfolder = parts.join("/");
    this.files.set(`${type}/${subfolder}/${filename}`, picture);
    return { images: [{ filename, subfolder, type }] };
  }
}

interface NodeRun {
  id: string;
  item: QueueItem;
  cached: readonly string[];
  tell: (event: string, data: Record<string, unknown>, isMessage?: boolean) => void;
  states: Record<string, unknown>;
  messages: HistoryItem["status"]["messages"];
}

class NodeFailure extends Error {
  readonly about: Record<string, unknown>;

  constructor(id: string, about: Record<string, unknown>) {
    super(id);
    this.about = about;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => (ms > 0 ? setTimeout(resolve, ms) : setImmediate(resolve)));
}
