import { GenerationError, type GenerationEvent, InvalidRequestError } from "@latentkit/core";
import { comfyDetails, statusError } from "../comfy-error.ts";
import { type FoundPicture, Translator } from "../comfy-events.ts";
import type { FieldMap, Graph } from "../graph/graph.ts";
import { load } from "../plan/load-images.ts";
import { abortable } from "../run/abortable.ts";
import { followPrompt, Inbox } from "../run/follow.ts";
import { failureOf } from "../run/outcome.ts";
import { submitOrCancel } from "../run/submit-or-cancel.ts";
import { checkGraph } from "../server/check-graph.ts";
import type { ComfyServer } from "../server/comfy-server.ts";
import type { FileRef, HistoryEntry } from "../server/queue.ts";
import { viewUrl } from "../server/view-url.ts";
import { findNode, type OutputSpec, type OutputSpecs, type OutputValues, type Workflow } from "./define-workflow.ts";
import { type ParameterSpecs, type ParameterValues, readParameters, targetsOf } from "./parameters.ts";
import { WorkflowFile } from "./workflow-file.ts";

/** Settings of one run. */
export interface RunOptions {
  /** Aborting it stops the prompt on the server. */
  signal?: AbortSignal;
  /** Hears `queued`, `started`, `progress`, `preview`, `log` and `warning` events. */
  onEvent?: (event: GenerationEvent) => void;
  /** Ask for a preview every so many steps. Default 0: none. */
  previewEvery?: number;
}

/** What a run ends with. */
export interface WorkflowResult<O extends OutputSpecs> {
  outputs: OutputValues<O>;
  promptId: string;
}

/** Pictures lost on the socket are asked for so often again. */
const attempts = 3;

/**
 * Runs a workflow. Pictures that were lost on the socket are asked for again, with a `job_rerun` warning: the server's
 * cache gives all but the last step.
 *
 * @throws InvalidRequestError naming the parameter, and whatever a generation throws.
 */
export async function runWorkflow<P extends ParameterSpecs, O extends OutputSpecs>(
  server: ComfyServer,
  workflow: Workflow<P, O>,
  values: ParameterValues<P>,
  options: RunOptions & { signal: AbortSignal },
): Promise<WorkflowResult<O>> {
  const { graph, fields } = await fillIn(server, workflow, values, options.signal);
  for (let attempt = 1; ; attempt++) {
    const { promptId, history, pictures } = await runGraph(server, graph, fields, options);
    const read = (name: string, spec: OutputSpec) => {
      const id = findNode(graph, spec.node, `outputs.${name}`);
      return readOutput(server, { name, id, spec, graph, history, pictures });
    };
    try {
      const outputs = Object.entries(workflow.outputs).map(([name, spec]) => [name, read(name, spec)]);
      return { outputs: Object.fromEntries(outputs) as OutputValues<O>, promptId };
    } catch (error) {
      if (!GenerationError.isInstance(error) || attempt === attempts) throw error;
      options.onEvent?.({ type: "warning", code: "job_rerun", message: error.message });
    }
  }
}

interface RunGraph {
  promptId: string;
  history: HistoryEntry;
  pictures: FoundPicture[];
}

async function runGraph(
  server: ComfyServer,
  graph: Graph,
  fields: FieldMap,
  { signal, onEvent = () => {}, previewEvery = 0 }: RunOptions & { signal: AbortSignal },
): Promise<RunGraph> {
  const { clientId, previewMethod, comfyOrgApiKey } = server.options;
  const socket = server.socket(clientId);
  const promptId = crypto.randomUUID();
  const inbox = new Inbox(socket, promptId);
  const pictures: FoundPicture[] = [];
  try {
    await abortable(socket.ready(), signal);
    const key = comfyOrgApiKey === undefined ? {} : { api_key_comfy_org: comfyOrgApiKey };
    const extraData = { preview_method: previewEvery > 0 ? previewMethod : "none", ...key };
    const sent = await submitOrCancel(server, { promptId, clientId, graph, fields, extraData }, signal);
    onEvent({ type: "queued" });
    for (const { field, message } of sent.dropped) onEvent({ type: "warning", code: "output_dropped", field, message });
    const translator = new Translator({
      graph,
      outputs: {},
      previewEvery,
      started: () => ({ type: "started" }),
      picture: (found) => void pictures.push(found),
    });
    const followed = { promptId: sent.promptId, clientId, ...(sent.promptId === promptId ? { inbox } : {}) };
    for await (const news of followPrompt(server, followed, signal)) {
      for (const event of translator.events(news)) onEvent(event);
    }
    const history = translator.history!;
    const failure = failureOf(history, sent.promptId);
    if (failure !== undefined) throw failure;
    return { promptId: sent.promptId, history, pictures };
  } finally {
    inbox.close();
  }
}

/** The graph with the caller's values, checked against the server's definitions, its images uploaded. */
async function fillIn<P extends ParameterSpecs>(
  server: ComfyServer,
  workflow: Workflow<P>,
  given: ParameterValues<P>,
  signal: AbortSignal,
): Promise<{ graph: Graph; fields: FieldMap }> {
  const info = await server.objectInfo(signal);
  const graph = workflow.graph(info);
  const { values, images, issues } = readParameters(workflow.parameters, given);
  const fields: FieldMap = {};
  const set = (name: string, value: Graph[string]["inputs"][string]) => {
    for (const { node, input } of targetsOf(workflow.parameters[name]!)) {
      graph[findNode(graph, node, `parameters.${name}`)]!.inputs[input] = value;
    }
  };
  for (const [name, spec] of Object.entries(workflow.parameters)) {
    for (const { node, input } of targetsOf(spec)) fields[`${findNode(graph, node, name)}.${input}`] = name;
  }
  for (const [name, value] of values) set(name, value);
  const loaded = [];
  for (const [name, source] of images) {
    const image = await load(name, source, server.options.maxUploadBytes, signal);
    loaded.push(image);
    set(name, image.name);
  }
  const all = [...issues, ...checkGraph(graph, info, fields)];
  if (all.length > 0) throw new InvalidRequestError(all, comfyDetails());
  const names = await server.uploads.send(loaded, signal);
  for (const { field, name } of loaded) set(field, names.get(name)!);
  return { graph, fields };
}

interface Read {
  name: string;
  id: string;
  spec: OutputSpec;
  graph: Graph;
  history: HistoryEntry;
  pictures: readonly FoundPicture[];
}

function readOutput(server: ComfyServer, { name, id, spec, graph, history, pictures }: Read): unknown {
  const output = history.outputs[id] ?? {};
  if (spec.kind === "raw") return output;
  if (spec.kind === "text")
    return Object.values(output)
      .flat()
      .filter((value) => typeof value === "string");
  if (graph[id]?.class_type === "SaveImageWebsocket") {
    const sent = pictures.flatMap((found) => (found.nodeId === id && "bytes" in found ? [found] : []));
    if (sent.length > 0)
      return sent.map(
        ({ bytes, mediaType }, i) =>
          new WorkflowFile(`${name}-${i}.${mediaType.split("/")[1]}`, undefined, async () => bytes),
      );
    throw new GenerationError(
      `The pictures of output "${name}" were lost on the socket.`,
      comfyDetails({ retryable: true }),
    );
  }
  const refs = spec.kind === "files" ? Object.values(output).flat().filter(isFile) : (output.images ?? []);
  return refs.map((ref) => fileOf(server, ref));
}

function isFile(value: unknown): value is FileRef {
  return typeof (value as Partial<FileRef> | null)?.filename === "string";
}

function fileOf(server: ComfyServer, ref: FileRef): WorkflowFile {
  const { url } = viewUrl(server.url, ref);
  return new WorkflowFile(ref.filename, url, async () => {
    const { status, body } = await server.http.fetch(new URL(url));
    if (status !== 200) throw statusError(status, body.toString("utf8"), ref.filename);
    return body;
  });
}
