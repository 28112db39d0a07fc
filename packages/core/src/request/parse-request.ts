import type { z } from "zod";
import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import type { Issue } from "../errors/issue.ts";
import { canonicalNames } from "./canonical-names.ts";
import { foreignField } from "./foreign-fields.ts";
import { impliedTask } from "./implied-task.ts";
import { nearest } from "./nearest.ts";
import {
  defaultStrength,
  fieldsAt,
  type GenerationRequest,
  GenerationRequestSchema,
  type Task,
  tasks,
} from "./request.ts";
import { checkBounds } from "./request-bounds.ts";

/**
 * Validates what a user wrote and fills in defaults. `maxPromptLength` is in characters, 32 768 where absent.
 *
 * @throws InvalidRequestError naming each wrong field and what would be right.
 */
export function parseRequest(
  input: unknown,
  { maxPromptLength }: { maxPromptLength?: number | undefined } = {},
): GenerationRequest {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new InvalidRequestError([
      { field: "", message: 'a request must be an object such as { prompt: "a red apple" }' },
    ]);
  }
  checkBounds(input, maxPromptLength);
  const defined = canonicalNames(Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)));
  const request = { task: impliedTask(defined), ...defined };
  const parsed = GenerationRequestSchema.safeParse(request);
  if (parsed.success) return checkTogether(parsed.data);
  throw new InvalidRequestError(parsed.error.issues.flatMap((issue) => toIssues(issue, request.task as Task)));
}

/** Rules that span several fields. */
function checkTogether(request: GenerationRequest): GenerationRequest {
  const issues: Issue[] = [];
  if (request.task === "outpaint" && request.left + request.right + request.top + request.bottom === 0) {
    issues.push({ field: "left", message: "at least one of left, right, top and bottom must be above 0" });
  }
  issues.push(...checkSteps(request), ...checkLatent(request));
  if (request.guidance !== undefined && request.guidance.start > request.guidance.end) {
    issues.push({ field: "guidance.end", message: "must not be smaller than guidance.start" });
  }
  for (const field of ["pagAdaptiveScale", "pagLayers"] as const) {
    if (request.guidance?.[field] !== undefined && request.guidance.pagScale === undefined) {
      issues.push({ field: `guidance.${field}`, message: "does nothing without guidance.pagScale: give that too" });
    }
  }
  issues.push(...checkLevels(request), ...checkIdle(request));
  if (issues.length > 0) throw new InvalidRequestError(issues);
  return request;
}

/** Levels of one's own fall, and stand in the place of a scheduler and its number of steps. */
function checkLevels(request: GenerationRequest): Issue[] {
  const { sigmas, timesteps, steps, scheduler, schedulerOptions } = request;
  const issues: Issue[] = [];
  for (const [field, values] of Object.entries({ sigmas, timesteps })) {
    if (values === undefined) continue;
    if (values.some((value, i) => i > 0 && value >= values[i - 1]!)) {
      issues.push({ field, message: "must descend: each value smaller than the one before" });
    }
    // Some models want the last sigma, where sampling ends, left out.
    const counts = field === "sigmas" ? [values.length - 1, values.length] : [values.length];
    if (steps !== undefined && !counts.includes(steps)) {
      issues.push({ field: "steps", message: `${field} make ${counts[0]} steps: leave steps out`, allowed: counts });
    }
    const idle = { scheduler, schedulerOptions };
    for (const [name, value] of Object.entries(idle)) {
      if (value !== undefined) issues.push({ field: name, message: `does nothing beside ${field}: leave it out` });
    }
  }
  if (sigmas !== undefined && timesteps !== undefined) {
    issues.push({ field: "timesteps", message: "give sigmas or timesteps, not both" });
  }
  return issues;
}

/** Settings that do nothing without another. */
function checkIdle(request: GenerationRequest): Issue[] {
  const { guidance, noise } = request;
  const issues: Issue[] = [];
  if (request.task === "inpaint" && request.maskPadding !== undefined && !request.onlyMasked)
    issues.push({ field: "maskPadding", message: "does nothing without onlyMasked: give that too" });
  if ("refine" in request && request.refine !== undefined && request.output.latent)
    issues.push({ field: "output.latent", message: "cannot be had with refine, whose stages go on with the picture" });
  for (const [i, stage] of (("refine" in request && request.refine) || []).entries()) {
    const idle = (["maskGrow", "maskBlur", "maskPadding"] as const).find((field) => stage[field] !== undefined);
    if (idle !== undefined && stage.box === undefined && stage.mask === undefined)
      issues.push({ field: `refine[${i}].${idle}`, message: "does nothing without a box or a mask: give one too" });
  }
  for (const field of ["apgEta", "apgMomentum", "apgNormThreshold"] as const) {
    if (guidance?.[field] !== undefined && guidance.mode !== "apg") {
      issues.push({ field: `guidance.${field}`, message: 'does nothing without guidance.mode "apg"' });
    }
  }
  if (noise?.subseed !== undefined && noise.subseedStrength === 0) {
    issues.push({ field: "noise.subseed", message: "does nothing without noise.subseedStrength: give that too" });
  }
  return issues;
}

/** Whether the steps to run make sense together. */
function checkSteps(request: GenerationRequest): Issue[] {
  const { startStep, endStep, steps } = request;
  const issues: Issue[] = [];
  if (startStep !== undefined && steps !== undefined && startStep >= steps)
    issues.push({ field: "startStep", message: `must be below steps (${steps})`, allowed: { min: 0, max: steps - 1 } });
  if (startStep !== undefined && endStep !== undefined && startStep >= endStep)
    issues.push({ field: "endStep", message: `must be above startStep (${startStep})` });
  const strength = "strength" in request ? request.strength : undefined;
  if (startStep !== undefined && strength !== undefined && strength !== defaultStrength[request.task])
    issues.push({ field: "startStep", message: "say where to start by startStep or by strength, not by both" });
  if (startStep && request.task === "text-to-image" && request.latent === undefined)
    issues.push({ field: "startStep", message: "needs a latent to go on with: give that too" });
  return issues;
}

/** Image-to-image begins with a picture or with its latent; a latent has its own size. */
function checkLatent(request: GenerationRequest): Issue[] {
  if (request.task !== "image-to-image" || (request.image === undefined) !== (request.latent === undefined)) return [];
  return request.image === undefined
    ? [{ field: "image", message: "must be a file path, a URL or the bytes of an image file; or give a latent" }]
    : [{ field: "latent", message: "give image or latent, not both" }];
}

function toIssues(issue: z.core.$ZodIssue, task: Task): Issue[] {
  const field = pathOf(issue.path);
  if (issue.code === "invalid_union" && issue.path[0] === "task") {
    return [{ field: "task", message: `must be one of ${tasks.join(", ")}`, allowed: tasks }];
  }
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      field: pathOf([...issue.path, key]),
      message: unknownField(key, task, issue.path),
    }));
  }
  if (issue.code === "invalid_value") {
    return [
      { field, message: `must be one of ${issue.values.join(", ")}`, allowed: issue.values as (string | number)[] },
    ];
  }
  if (issue.code === "too_small" || issue.code === "too_big") {
    const bound = issue.code === "too_small" ? { min: Number(issue.minimum) } : { max: Number(issue.maximum) };
    return [{ field, message: boundMessage(issue), allowed: bound }];
  }
  if (issue.code === "invalid_type") {
    const missing = issue.message.endsWith("received undefined");
    return [
      {
        field,
        message: `${missing ? "is missing: " : ""}must be ${typeNames[issue.expected] ?? `a ${issue.expected}`}`,
      },
    ];
  }
  return [{ field, message: issue.message }];
}

const typeNames: Readonly<Record<string, string>> = { int: "a whole number", array: "a list", object: "an object" };

function boundMessage(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  if (issue.origin === "array" || issue.origin === "string") {
    const unit = issue.origin === "array" ? "entries" : "characters";
    const [most, bound] = issue.code === "too_small" ? ["least", issue.minimum] : ["most", issue.maximum];
    return `must have at ${most} ${bound} ${unit}`;
  }
  if (issue.origin !== "number" && issue.origin !== "int") return issue.message;
  const [near, far] = issue.code === "too_small" ? ["least", "above"] : ["most", "below"];
  const bound = issue.code === "too_small" ? issue.minimum : issue.maximum;
  return `must be ${issue.inclusive === false ? far : `at ${near}`} ${bound}`;
}

function unknownField(key: string, task: Task, path: readonly PropertyKey[]): string {
  const known = fieldsAt(task, path);
  const owners = path.length > 0 ? [] : tasks.filter((other) => fieldsAt(other).includes(key));
  if (owners.length > 0)
    return `is not a field of task "${task}"; it belongs to task ${owners.map((o) => `"${o}"`).join(", ")}`;
  const hint = path.length > 0 ? undefined : foreignField(key);
  if (hint !== undefined) return `is not a known field: ${hint}`;
  const near = nearest(key, known);
  return `is not a known field; ${near.length > 0 ? `did you mean ${near.join(" or ")}?` : `there are ${known.join(", ")}`}`;
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) => (typeof part === "number" ? `${text}[${part}]` : text ? `${text}.${String(part)}` : String(part)),
    "",
  );
}
