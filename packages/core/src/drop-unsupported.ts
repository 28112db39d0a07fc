import type { Range } from "./capabilities.ts";
import { InvalidRequestError } from "./errors/invalid-request-error.ts";
import type { Issue } from "./errors/issue.ts";
import { UnsupportedError } from "./errors/unsupported-error.ts";
import type { WarningEvent } from "./events.ts";
import { parseRequest } from "./request/parse-request.ts";
import type { GenerationRequest, Task } from "./request/request.ts";

/** A request as far as a backend can do it, and what was changed of it. */
export interface Dropped {
  request: GenerationRequest;
  warnings: WarningEvent[];
}

/** What is left of a task without the fields that it has beyond another. */
const nearestTask: Readonly<Partial<Record<Task, readonly Task[]>>> = {
  inpaint: ["image-to-image", "text-to-image"],
  "image-to-image": ["text-to-image"],
  unconditional: ["text-to-image"],
};

/**
 * Leaves out what a backend cannot do, or takes the nearest that it can, with a warning for each field.
 *
 * @throws UnsupportedError for what can be neither: the prompt, or a task without one that is like it.
 */
export function dropUnsupported(request: GenerationRequest, issues: readonly Issue[], backend: string): Dropped {
  const draft = structuredClone(request) as unknown as Node;
  const warnings: WarningEvent[] = [];
  const stuck: Issue[] = [];
  for (const issue of issues) {
    const instead = change(draft, issue);
    if (instead === undefined) stuck.push(issue);
    else warnings.push(unsupported(issue, instead));
  }
  if (stuck.length > 0) throw new UnsupportedError(stuck, { backend });
  return { request: whole(draft, warnings, issues, backend), warnings };
}

type Node = Record<string, unknown>;

/** Changes the draft. @returns what became of the field, in words; undefined where nothing can. */
function change(draft: Node, { field, allowed }: Issue): string | undefined {
  if (field === "task") return changeTask(draft, allowed);
  const path = pathOf(field);
  const list = path.findIndex((part) => typeof part === "number");
  const entries = list < 1 ? undefined : (at(draft, path.slice(0, list)) as unknown[] | undefined);
  const index = path[list] as number;
  if (Array.isArray(entries) && index in entries && entries[index] === undefined) return gone;
  const parent = at(draft, path.slice(0, -1)) as Node | undefined;
  const key = path.at(-1);
  if (parent === undefined || key === undefined || !Object.hasOwn(parent, key)) return undefined;
  const value = parent[key];
  if (typeof value === "number" && isRange(allowed)) {
    parent[key] = nearestIn(value, allowed);
    return `${parent[key]} is used`;
  }
  if (field === "output.format" && Array.isArray(allowed) && allowed.length > 0) {
    parent[key] = allowed[0];
    return `${allowed[0]} is used`;
  }
  // One setting of a conditioning or a LoRA makes no sense alone: the entry goes.
  if (Array.isArray(entries)) entries[index] = undefined;
  else delete parent[key];
  return gone;
}

const gone = "it is left out";

function at(node: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Node | undefined)?.[key], node);
}

function changeTask(draft: Node, allowed: Issue["allowed"]): string | undefined {
  const possible = Array.isArray(allowed) ? (allowed as readonly unknown[]) : [];
  const task = nearestTask[draft.task as Task]?.find((other) => possible.includes(other));
  if (task === undefined) return undefined;
  draft.task = task;
  draft.prompt ??= "";
  return `${task} is done in its place`;
}

/** The draft as a request: gaps in lists closed, and what makes no sense without a field that is gone left out as well. */
function whole(draft: Node, warnings: WarningEvent[], issues: readonly Issue[], backend: string): GenerationRequest {
  for (const [key, value] of Object.entries(draft)) {
    if (Array.isArray(value)) draft[key] = value.filter((entry) => entry !== undefined);
  }
  for (let round = 0; round < 8; round++) {
    try {
      return parseRequest(draft);
    } catch (error) {
      if (!InvalidRequestError.isInstance(error)) throw error;
      const idle = error.issues.filter(({ field }) => field !== "prompt" && Object.hasOwn(draft, field));
      if (idle.length === 0) throw new UnsupportedError([...issues], { backend, cause: error });
      for (const issue of idle) {
        delete draft[issue.field];
        warnings.push(unsupported(issue, gone));
      }
    }
  }
  throw new UnsupportedError([...issues], { backend });
}

function unsupported({ field, message }: Issue, instead: string): WarningEvent {
  return { type: "warning", code: "unsupported", field, message: `${field}: ${message}; ${instead}` };
}

/** `guidance.scales[2]` as its parts. */
function pathOf(field: string): (string | number)[] {
  return field
    .split(/[.[\]]+/)
    .filter((part) => part !== "")
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

function isRange(allowed: Issue["allowed"]): allowed is Range {
  return typeof allowed === "object" && allowed !== null && !Array.isArray(allowed);
}

function nearestIn(
  value: number,
  { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, multipleOf = 0 }: Partial<Range>,
): number {
  const bounded = Math.min(Math.max(value, min), max);
  if (multipleOf === 0) return bounded;
  const rounded = Math.round(bounded / multipleOf) * multipleOf;
  if (rounded > max) return Math.floor(max / multipleOf) * multipleOf;
  return rounded < min ? Math.ceil(min / multipleOf) * multipleOf : rounded;
}
