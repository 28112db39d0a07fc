import type { GenerationEvent, Issue } from "@latentkit/core";
import { invalidError } from "../comfy-error.ts";
import { type FoundPicture, Translator } from "../comfy-events.ts";
import { droppedWarning } from "../finish.ts";
import { extraData } from "../generate.ts";
import type { FieldMap, Graph } from "../graph/graph.ts";
import { type LocalImage, load } from "../plan/load-images.ts";
import { findPrompt, type PromptHandle, readPromptHandle } from "../resume.ts";
import type { PromptJob } from "../run/run-prompt.ts";
import { nodesWithoutFiles, type Run, runToEnd } from "../run/run-to-end.ts";
import { byDefinitions } from "../server/by-definitions.ts";
import { checkGraph } from "../server/check-graph.ts";
import type { ComfyServer } from "../server/comfy-server.ts";
import type { ObjectInfo } from "../server/object-info.ts";
import type { ConvertedWorkflow } from "./converted-workflow.ts";
import type { OutputSpecs, OutputValues, Workflow } from "./define-workflow.ts";
import { type ParameterSpecs, type ParameterValues, readParameters, targetsOf } from "./parameters.ts";
import { filesOf, lostError, readOutput, type WantedOutput } from "./read-outputs.ts";

/** Settings of one run. */
export interface RunOptions {
  /** Aborting it stops the prompt on the server. */
  signal?: AbortSignal;
  /** Hears `queued` (with a handle for `resumeRun`), `started`, `progress`, `preview`, `log` and `warning` events. */
  onEvent?: (event: GenerationEvent) => void;
  /** Ask for a preview every so many steps. Default 0: none. */
  previewEvery?: number;
  /** Draws the choices in prompts such as `{a|b}` of a file of the editor's. Default: a new one each time. */
  promptSeed?: number;
}

/** What a run ends with. */
export interface WorkflowResult<O extends OutputSpecs> {
  outputs: OutputValues<O>;
  promptId: string;
  /** What ran, in API format: with the values that were given, and the choices in prompts that were drawn. */
  graph: Graph;
  /** What those choices were drawn by. */
  promptSeed?: number;
}

/** What a run goes by. */
export interface RunSettings extends Pick<RunOptions, "previewEvery" | "promptSeed"> {
  signal: AbortSignal;
}

/** A run as its events, whose last word is its result. */
export type WorkflowRun<O extends OutputSpecs> = AsyncGenerator<GenerationEvent, WorkflowResult<O>>;

/**
 * Runs a workflow. What was lost on the way is asked for again, with a `job_rerun` warning.
 *
 * @throws InvalidRequestError naming the parameter, and whatever a generation throws.
 */
export async function* runWorkflow<P extends ParameterSpecs, O extends OutputSpecs>(
  server: ComfyServer,
  workflow: Workflow<P, O>,
  values: ParameterValues<P>,
  settings: RunSettings,
): WorkflowRun<O> {
  const { signal, promptSeed = Math.floor(Math.random() * 2 ** 32) } = settings;
  checkRun(workflow, values, settings);
  const filled = await byDefinitions(server, signal, (info) =>
    fillIn(server, workflow, values, { info, signal, promptSeed }),
  );
  const { converted, ...rest } = filled;
  const pngInfo = converted.pngInfo(rest.graph);
  const extra = extraData(server, settings.previewEvery ?? 0);
  const job = { ...rest, extraData: { ...extra, ...(pngInfo === undefined ? {} : { extra_pnginfo: pngInfo }) } };
  const result = yield* outcomeOf(server, workflow, converted, { job }, settings);
  return { ...result, promptSeed };
}

/**
 * Goes on with a workflow's prompt that an earlier process queued.
 *
 * @param data the handle of its `queued` event.
 * @throws NotFoundError when the server does not know the prompt, and whatever a generation throws.
 */
export async function* resumeWorkflow<O extends OutputSpecs>(
  server: ComfyServer,
  workflow: Workflow<ParameterSpecs, O>,
  data: unknown,
  settings: RunSettings,
): WorkflowRun<O> {
  const handle = readPromptHandle(data);
  const { promptId, clientId } = handle;
  const found = await findPrompt(server, handle, settings.signal);
  const converted = workflow.convert(await server.objectInfo(settings.signal));
  const graph = found ?? converted.graph;
  yield { type: "queued", handle: { ...handle } };
  const job = { graph, fields: {}, images: [], extraData: extraData(server, settings.previewEvery ?? 0) };
  return yield* outcomeOf(server, workflow, converted, { job, resumed: { promptId, clientId } }, settings);
}

/** What only a program without types can get wrong. */
function checkRun(workflow: unknown, values: unknown, { previewEvery = 0, promptSeed = 0 }: RunSettings): void {
  const issues: Issue[] = [];
  if (typeof (workflow as Partial<Workflow> | null | undefined)?.graph !== "function")
    issues.push({ field: "workflow", message: "must be what defineWorkflow returned" });
  if (typeof values !== "object" || values === null)
    issues.push({ field: "values", message: "must be an object of values by the parameters' names" });
  if (!Number.isInteger(previewEvery) || previewEvery < 0)
    issues.push({ field: "previewEvery", message: "must be a whole number from 0" });
  if (!Number.isInteger(promptSeed) || promptSeed < 0 || promptSeed >= 2 ** 32)
    issues.push({ field: "promptSeed", message: "must be a whole number from 0 to 4294967295" });
  if (issues.length > 0) throw invalidError(issues);
}

async function* outcomeOf<O extends OutputSpecs>(
  server: ComfyServer,
  { outputs }: Workflow<ParameterSpecs, O>,
  converted: ConvertedWorkflow,
  what: Pick<Run, "job" | "resumed">,
  { signal, previewEvery = 0 }: RunSettings,
): WorkflowRun<O> {
  const { graph } = what.job;
  const wanted = Object.entries(outputs).map(([name, spec]): WantedOutput => {
    const id = converted.find(spec.node, `outputs.${name}`);
    return { name, id, spec, isSent: graph[id]?.class_type === "SaveImageWebsocket" && isPictures(spec.kind) };
  });
  const sent: FoundPicture[] = [];
  const read = new Map<string, unknown>();
  let lost: readonly WantedOutput[] = [];
  const run: Run = {
    ...what,
    ends: [...new Set(wanted.map(({ id }) => id))],
    translate: (current) =>
      new Translator({
        graph: current,
        outputs: {},
        previewEvery,
        started: () => ({ type: "started" }),
        picture: (found) => void sent.push(found),
      }),
    *queued({ promptId, clientId, dropped }) {
      const handle: PromptHandle = { url: server.url, promptId, clientId };
      yield { type: "queued", handle };
      for (const { field, message } of dropped) yield droppedWarning(field, message);
    },
    async *collect({ history }) {
      const open = wanted.filter(({ name }) => !read.has(name));
      const gone = await nodesWithoutFiles(server, history, (id) =>
        open.filter((output) => output.id === id).flatMap((output) => filesOf(output, history)),
      );
      const isLost = ({ id, isSent }: WantedOutput) =>
        gone.includes(id) || (isSent && !sent.some(({ nodeId }) => nodeId === id));
      lost = open.filter(isLost);
      for (const output of open) {
        if (!lost.includes(output)) read.set(output.name, readOutput(server, output, history, sent));
      }
      return [...new Set(lost.map(({ id }) => id))];
    },
  };
  const { failure, promptId } = yield* runToEnd(server, run, signal);
  if (failure !== undefined) throw failure;
  if (lost[0] !== undefined) throw lostError(lost[0], promptId);
  const values = Object.fromEntries(wanted.map(({ name }) => [name, read.get(name)])) as OutputValues<O>;
  return { outputs: values, promptId, graph };
}

function isPictures(kind: WantedOutput["spec"]["kind"]): boolean {
  return kind === undefined || kind === "images" || kind === "files";
}

/** The graph with the caller's values, checked against the server's definitions, and the images that it needs there. */
async function fillIn<P extends ParameterSpecs>(
  server: ComfyServer,
  workflow: Workflow<P>,
  given: ParameterValues<P>,
  { info, signal, promptSeed }: { info: ObjectInfo; signal: AbortSignal; promptSeed: number },
): Promise<Pick<PromptJob, "graph" | "fields" | "images"> & { converted: ConvertedWorkflow }> {
  const converted = workflow.convert(info, { promptSeed });
  const graph = structuredClone(converted.graph);
  const { values, images, issues } = readParameters(workflow.parameters, given);
  const fields: FieldMap = {};
  const targets = (name: string) =>
    targetsOf(workflow.parameters[name]!).flatMap((target) => converted.targets(target, `parameters.${name}`, true));
  const set = (name: string, value: Graph[string]["inputs"][string]) => {
    for (const { node, input } of targets(name)) graph[node]!.inputs[input] = value;
  };
  for (const name of Object.keys(workflow.parameters)) {
    for (const { node, input } of targets(name)) fields[`${node}.${input}`] = name;
  }
  for (const [name, value] of values) set(name, value);
  const loaded: LocalImage[] = [];
  for (const [name, source] of images) {
    const image = await load(name, source, server.options.maxUploadBytes, signal);
    loaded.push(image);
    set(name, image.name);
  }
  const all = [...issues, ...checkGraph(graph, info, fields)];
  if (all.length > 0) throw invalidError(all);
  return { graph, fields, images: loaded, converted };
}
