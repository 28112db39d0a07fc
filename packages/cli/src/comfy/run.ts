import { existsSync } from "node:fs";
import type { ParameterSpec, WorkflowFile, WorkflowInspection } from "@latentkit/backend-comfy";
import type { GenerationEvent } from "@latentkit/core";
import { UsageError } from "../report-error.ts";
import type { CliIo } from "../run-cli.ts";
import { onInterrupt } from "../terminal/interrupt.ts";
import { progressView } from "../terminal/progress-view.ts";
import { saveWorkflowFile } from "./save-file.ts";
import { promptSeedOf, readWorkflowText, type ServerFlags, withServer } from "./server.ts";

/** What `latentkit comfy run` takes. */
export interface RunFlags extends ServerFlags {
  set?: string[];
  image?: string[];
  out?: string;
  promptSeed?: string;
  json?: boolean;
}

/** Runs a workflow and writes what it made. @returns the exit code. */
export async function run(path: string, flags: RunFlags, io: CliIo): Promise<number> {
  const { defineWorkflow, inputNamed, inspectWorkflow, parseWorkflow } = await import("@latentkit/backend-comfy");
  const seed = promptSeedOf(flags.promptSeed);
  const settings = (flags.set ?? []).map((text) => pair(text, "--set"));
  const workflow = parseWorkflow(await readWorkflowText(path));
  const interrupt = onInterrupt();
  const view = await progressView(io.stderr, async () => Promise.reject(new Error("no previews are asked for")));
  const warnings: string[] = [];
  try {
    return await withServer(flags, io, async (backend) => {
      const info = await backend.server.objectInfo(interrupt.signal);
      const found = inspectWorkflow(workflow, info);
      const given: Record<string, { spec: ParameterSpec; value: unknown }> = {};
      for (const [name, text] of settings) {
        const spec = inputNamed(found, name, info);
        if (spec.type === "image") throw new UsageError(`--set ${name}: give the image by --image ${name}=file`);
        given[name] = { spec, value: read(spec, text, name) };
      }
      for (const text of flags.image ?? []) {
        const [name, file] = imageOf(text, found);
        if (!existsSync(file)) throw new UsageError(`--image: there is no file ${file}`);
        given[name] = { spec: { ...inputNamed(found, name, info), type: "image" } as ParameterSpec, value: file };
      }
      if (found.missing.length === 0 && found.outputs.length === 0) {
        throw new UsageError("the workflow has no node that saves or shows anything: nothing would run");
      }
      const own = defineWorkflow({
        workflow,
        parameters: Object.fromEntries(Object.entries(given).map(([name, { spec }]) => [name, spec])),
        outputs: Object.fromEntries(found.outputs.map(({ node, kind }) => [node, { node, kind }])),
      });
      const values = Object.fromEntries(Object.entries(given).map(([name, { value }]) => [name, value]));
      const onEvent = (event: GenerationEvent) => {
        view.update(event);
        if (event.type !== "warning") return;
        warnings.push(event.message);
        if (!flags.json) view.print(`warning: ${event.message}`);
      };
      const options = { signal: interrupt.signal, onEvent, ...seed };
      const { outputs, promptId, promptSeed } = await backend.run(own, values as never, options);
      const files: string[] = [];
      const texts: string[] = [];
      const all = Object.values(outputs as Record<string, (string | WorkflowFile)[]>).flat();
      const made = all.filter((item) => typeof item !== "string");
      for (const item of all) if (typeof item === "string") texts.push(item);
      for (const file of made) files.push(await saveWorkflowFile(file, flags.out, made.length === 1));
      view.close();
      if (flags.json) io.stdout.write(`${JSON.stringify({ promptId, promptSeed, files, texts, warnings })}\n`);
      else for (const line of [...texts, ...files]) io.stdout.write(`${line}\n`);
      return 0;
    });
  } catch (error) {
    view.close();
    if (interrupt.signal.aborted) {
      io.stderr.write("latentkit: interrupted; the job was taken back from the server\n");
      return interrupt.exitCode;
    }
    throw error;
  } finally {
    interrupt.release();
  }
}

function pair(text: string, flag: string): [name: string, value: string] {
  const at = text.indexOf("=");
  if (at < 1) throw new UsageError(`${flag}: must be node.input=value, not "${text}"`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Which input an image goes into: a node's that loads one, by its name, or by the node's alone. */
export function imageOf(text: string, { inputs }: WorkflowInspection): [name: string, file: string] {
  const loaders = inputs.filter(({ spec }) => spec.type === "image");
  const names = loaders.map(({ node, title }) => `${node} (${title})`).join(", ") || "none";
  const at = text.indexOf("=");
  if (at < 1) {
    const [only, second] = loaders;
    if (only === undefined || second !== undefined) {
      throw new UsageError(`--image: must be node=file; nodes that load images are ${names}`);
    }
    return [`${only.node}.${only.input}`, text];
  }
  const [name, file] = [text.slice(0, at), text.slice(at + 1)];
  const own = loaders.filter(({ node, title }) => node === name || title === name);
  if (own.length === 1) return [`${own[0]!.node}.${own[0]!.input}`, file];
  if (name.includes(".")) return [name, file];
  const why = own.length > 1 ? `several nodes are called "${name}"` : `no node that loads an image is called "${name}"`;
  throw new UsageError(`--image: ${why}: nodes that load images are ${names}`);
}

function read(spec: ParameterSpec, text: string, name: string): unknown {
  if (spec.type === "number" || spec.type === "integer") {
    const value = Number(text);
    if (text.trim() === "" || Number.isNaN(value))
      throw new UsageError(`--set ${name}: must be a number, not "${text}"`);
    return value;
  }
  if (spec.type !== "boolean") return text;
  if (text !== "true" && text !== "false") throw new UsageError(`--set ${name}: must be true or false, not "${text}"`);
  return text === "true";
}
