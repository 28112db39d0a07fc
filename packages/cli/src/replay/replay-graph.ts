import type { ComfyBackend, WorkflowFile, WorkflowInspection } from "@latentkit/backend-comfy";
import { type Backend, decodeImage, type GenerationEvent } from "@latentkit/core";
import { imageOf } from "../comfy/run.ts";
import { saveWorkflowFile } from "../comfy/save-file.ts";
import { askOrRefuse } from "../generate/recipe-trust.ts";
import { UsageError } from "../report-error.ts";
import type { CliIo } from "../run-cli.ts";
import { progressView } from "../terminal/progress-view.ts";
import { type Comparison, compareWithFile } from "./difference.ts";
import { graphTouches, type SavedGraph } from "./saved-graph.ts";

/** What a graph was run with, and on. */
export interface GraphRun {
  graph: SavedGraph;
  /** The picture's own file. */
  bytes: Uint8Array;
  file: string;
  image?: string | undefined;
  out?: string | undefined;
  trust?: boolean | undefined;
  signal: AbortSignal;
}

/** What came of a graph. */
export interface GraphOutcome {
  images: { path: string; width: number; height: number; mediaType: string }[];
  warnings: { field?: string; message: string }[];
  compared: Comparison;
}

/** Whether a backend is a ComfyUI server, which can run a graph as it is. */
export function isComfy(backend: Backend): backend is ComfyBackend {
  return backend.id === "comfy" && "run" in backend && "server" in backend;
}

/**
 * Runs the graph of a picture as it stands there, on a ComfyUI server, and compares what it draws with the picture.
 *
 * @throws UsageError when it would do more than draw and nobody allows that, or saves no picture; and what a run throws.
 */
export async function replayGraph(run: GraphRun, backend: ComfyBackend, io: CliIo): Promise<GraphOutcome> {
  const { graph, bytes, file, image, out, trust, signal } = run;
  const { defineWorkflow, inputNamed, inspectWorkflow, parseWorkflow } = await import("@latentkit/backend-comfy");
  const workflow = parseWorkflow(graph.text);
  const info = await backend.server.objectInfo(signal);
  const found = inspectWorkflow(workflow, info);
  const outputs = picturesOf(found);
  const [name, path] = image === undefined ? [] : imageOf(image, found);
  if (trust !== true)
    await askOrRefuse(
      `${file} would do more than draw`,
      graphTouches(graph, name === undefined ? [] : [name.split(".")[0]!]),
      io,
      signal,
    );
  const own = defineWorkflow({
    workflow: { prompt: workflow, extra_data: { extra_pnginfo: pngInfo(graph) } },
    parameters: name === undefined ? {} : { image: { ...inputNamed(found, name, info), type: "image" } as const },
    outputs,
  });
  const view = await progressView(io.stderr, async () => Promise.reject(new Error("no previews are asked for")));
  const warnings: GraphOutcome["warnings"] = [];
  try {
    const onEvent = (event: GenerationEvent) => {
      view.update(event);
      if (event.type !== "warning") return;
      const { field, message } = event;
      warnings.push({ ...(field === undefined ? {} : { field }), message });
    };
    const values = (path === undefined ? {} : { image: path }) as never;
    const { outputs: made } = await backend.run(own, values, { signal, onEvent });
    const files = Object.values(made as Record<string, WorkflowFile[]>).flat();
    if (files.length === 0) throw new UsageError(`the graph of ${file} drew no picture`);
    return { ...(await keep(files, bytes, out)), warnings };
  } finally {
    view.close();
  }
}

function picturesOf({ missing, outputs }: WorkflowInspection): Record<string, { node: string; kind: "images" }> {
  const pictures = outputs.filter(({ kind }) => kind === "images");
  // A node that the server lacks is told by the run, by its name.
  if (pictures.length === 0 && missing.length === 0) throw new UsageError("the graph has no node that saves a picture");
  return Object.fromEntries(pictures.map(({ node }) => [node, { node, kind: "images" }]));
}

/** The editor's file goes into the new picture, as it did into the old one. */
function pngInfo({ workflow }: SavedGraph): Record<string, unknown> {
  try {
    return workflow === undefined ? {} : { workflow: JSON.parse(workflow) as unknown };
  } catch {
    return {};
  }
}

/** Writes the pictures; of several, the one that is nearest to the file's counts. */
async function keep(files: readonly WorkflowFile[], bytes: Uint8Array, out: string | undefined) {
  const images: GraphOutcome["images"] = [];
  let compared: Comparison | undefined;
  for (const made of files) {
    const pixels = await decodeImage(await made.bytes());
    const difference = await compareWithFile({ pixels: async () => pixels }, bytes);
    compared = nearer(compared, difference);
    const { width, height } = pixels;
    const path = await saveWorkflowFile(made, out, files.length === 1);
    images.push({ path, width, height, mediaType: `image/${path.split(".").at(-1)!.replace("jpg", "jpeg")}` });
  }
  return { images, compared: compared! };
}

function nearer(known: Comparison | undefined, next: Comparison): Comparison {
  if (known === undefined || !("difference" in known))
    return "difference" in next || known === undefined ? next : known;
  return "difference" in next && next.difference.mean < known.difference.mean ? next : known;
}
