import type { GenerationRequest, Issue } from "@latentkit/core";
import type { Family } from "../comfy-options.ts";
import { type OptionNode, samplerNodes, schedulerNodes } from "../graph/sampler-nodes.ts";
import type { ObjectInfo } from "../server/object-info.ts";

/** Options by the names of the node's inputs. */
export type PlannedOptions = Readonly<Record<string, number | string | boolean>>;

/** Settings of sampler and scheduler beside their names. */
export interface SamplingOptions {
  samplerOptions?: PlannedOptions;
  schedulerOptions?: PlannedOptions;
  issues: Issue[];
}

type Field = "samplerOptions" | "schedulerOptions";

/** Checks the options of a request against what ComfyUI's nodes for its sampler and scheduler take. */
export function planSamplingOptions(
  request: GenerationRequest,
  { sampler, scheduler, family }: { sampler: string; scheduler: string; family: Family },
  info: ObjectInfo,
): SamplingOptions {
  const issues: Issue[] = [];
  const read = (field: Field, name: string, nodes: Readonly<Record<string, OptionNode>>) => {
    const given = Object.entries(request[field] ?? {});
    if (given.length === 0) return undefined;
    const known = Object.hasOwn(nodes, name) ? nodes[name] : undefined;
    if (known === undefined || !info.has(known.node)) {
      const able = Object.keys(nodes).filter((other) => info.has(nodes[other]!.node));
      const message = `the server has no node that sets it for "${name}": leave it out, or use one of ${able.join(", ")}`;
      issues.push(...given.map(([key]) => ({ field: `${field}.${key}`, message, allowed: able })));
      return undefined;
    }
    return Object.fromEntries(
      given.flatMap(([key, value]) => {
        const option = optionName(key, known);
        const message = problemOf(option, value, known, name);
        if (message !== undefined) issues.push({ field: `${field}.${key}`, message });
        return message === undefined ? [[option, value]] : [];
      }),
    );
  };
  const samplerOptions = read("samplerOptions", sampler, samplerNodes);
  const schedulerOptions = read("schedulerOptions", scheduler, schedulerNodes);
  if (request.sigmas !== undefined && schedulerOptions !== undefined) {
    const message = "sigmas of your own stand in the scheduler's place: leave its options out";
    issues.push({ field: "schedulerOptions", message });
  } else if (usesSchedulerNode(scheduler, schedulerOptions)) {
    issues.push(...missingLevels(scheduler, schedulerOptions, family));
  }
  return {
    ...(samplerOptions === undefined ? {} : { samplerOptions }),
    ...(schedulerOptions === undefined ? {} : { schedulerOptions }),
    issues,
  };
}

/** Schedulers that a KSampler does not list, which the server has a node for. */
export function extraSchedulers(info: ObjectInfo): string[] {
  const listed = info.choices("KSampler", "scheduler");
  return Object.keys(schedulerNodes).filter((name) => !listed.includes(name) && info.has(schedulerNodes[name]!.node));
}

/** Schedulers that only a node of their own makes, or that have options. */
function usesSchedulerNode(scheduler: string, options: PlannedOptions | undefined): boolean {
  return options !== undefined || ["polyexponential", "laplace", ...tabled].includes(scheduler);
}

/** Schedulers that are tables of Stable Diffusion's noise levels. */
const tabled = ["align_your_steps", "gits"];

/** The node does not know the model, and its own defaults are Stable Diffusion's. */
function missingLevels(scheduler: string, options: PlannedOptions = {}, family: Family): Issue[] {
  if (family === "sd" || family === "sdxl") return [];
  if (tabled.includes(scheduler)) {
    return [{ field: "scheduler", message: `"${scheduler}" is for Stable Diffusion 1.x to XL, not for ${family}` }];
  }
  return ["sigma_max", "sigma_min"]
    .filter((name) => Object.hasOwn(schedulerNodes[scheduler]?.options ?? {}, name) && !Object.hasOwn(options, name))
    .map((name) => ({ field: `schedulerOptions.${name}`, message: `must be given for ${family} models` }));
}

/** `sNoise` and `s_noise` are one; `solver`, `order` and `model` are what other backends call some of them. */
function optionName(key: string, { options }: OptionNode): string {
  const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const other = { solver: "solver_type", order: "max_stage", model: "model_type" }[name];
  return other !== undefined && !Object.hasOwn(options, name) && Object.hasOwn(options, other) ? other : name;
}

function problemOf(option: string, value: unknown, { options }: OptionNode, name: string): string | undefined {
  if (!Object.hasOwn(options, option)) return `"${name}" takes ${Object.keys(options).join(", ")} here`;
  const kind = typeof options[option];
  return typeof value === kind ? undefined : `must be a ${kind}`;
}
