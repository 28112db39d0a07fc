import { type Capabilities, type FeatureName, featureNames, type Range } from "./capabilities.ts";
import type { Issue } from "./errors/issue.ts";
import { conditioningOptions } from "./request/conditioning.ts";
import { nearest } from "./request/nearest.ts";
import { defaultStrength, type GenerationRequest, type Task } from "./request/request.ts";
import { hiresOptions } from "./request/shared-fields.ts";

/**
 * What of a request a backend cannot do. Empty when all is well.
 *
 * @returns one issue for each field, with what would work.
 */
export function checkCapabilities(request: GenerationRequest, capabilities: Capabilities): Issue[] {
  const { tasks, outputFormats } = capabilities;
  const asked = runsAs(request, tasks);
  if (!tasks.includes(asked)) return [oneOf("task", request.task, tasks)];
  const issues = [
    ...checkFeatures(request, capabilities),
    ...namesKnown(request, capabilities),
    ...checkConditioning(request, capabilities),
    ...checkSyntax(request, capabilities),
    ...checkSizes(request, capabilities),
    ...checkOptions(request, capabilities),
    ...checkHires(request, capabilities),
    ...checkStages(request, capabilities),
    ...checkDraft(request, capabilities),
  ];
  for (const [field, range] of Object.entries(capabilities.limits)) {
    const value = (request as Record<string, unknown>)[field];
    // A seed beyond 2^53 is text; as a float it is close enough to be told from any bound.
    const size = field === "seed" && typeof value === "string" ? Number(value) : value;
    if (typeof size === "number" && !within(size, range)) {
      issues.push({ field, message: `${value} is not possible here: must be ${describe(range)}`, allowed: range });
    }
  }
  if (!outputFormats.includes(request.output.format))
    issues.push(oneOf("output.format", request.output.format, outputFormats));
  // Of a field that has no effect at all it is not said besides which values would.
  return issues.filter(({ field }, i) => issues.findIndex((other) => other.field === field) === i);
}

/** Fields that were set, but have no effect on this backend. */
function checkFeatures(request: GenerationRequest, { features, missing = {} }: Capabilities): Issue[] {
  const fields: string[] = featureNames.filter((field) => !features.includes(field) && isSet(request, field));
  if (request.output.latent && !features.includes("latent")) fields.push("output.latent");
  const hints: Readonly<Record<string, string>> = missing;
  return fields.map((field) => ({ field, message: hints[field] ?? "has no effect here: leave it out" }));
}

/** Whether a field asks for something: a default that validation filled in does not. */
function isSet(request: GenerationRequest, field: FeatureName): boolean {
  const value = (request as Record<string, unknown>)[field];
  // Previews are a wish: a program that shows them runs on a backend that has none.
  if (value === undefined || value === "" || field === "previewEvery") return false;
  // Whoever reads no signs reads prompts as they stand.
  if (field === "promptSyntax") return value !== "plain";
  if (field === "strength") return value !== defaultStrength[request.task];
  return Array.isArray(value) ? value.length > 0 : true;
}

function namesKnown(
  named: { sampler?: string | undefined; scheduler?: string | undefined },
  capabilities: Capabilities,
  start = "",
): Issue[] {
  const issues: Issue[] = [];
  for (const [field, known] of [
    ["sampler", capabilities.samplers],
    ["scheduler", capabilities.schedulers],
  ] as const) {
    const name = named[field];
    if (name !== undefined && known !== "any" && !known.includes(name))
      issues.push(oneOf(`${start}${field}`, name, known));
  }
  return issues;
}

/** What a model is asked for that an upscale is drawn anew by. */
function runsAs(request: GenerationRequest, tasks: readonly Task[]): Task {
  const redraws = request.task === "upscale" && request.redraw !== undefined && !tasks.includes("upscale");
  return redraws ? "image-to-image" : request.task;
}

/** Stages are requests of their own. */
function checkStages(request: GenerationRequest, { tasks, backend }: Capabilities): Issue[] {
  if (request.task === "upscale" && request.redraw !== undefined && tasks.includes("upscale")) {
    const message =
      "has no effect here: this model enlarges by itself; leave it out, or name a model that has image-to-image";
    return [{ field: "redraw", message }];
  }
  const stages = ("refine" in request && request.refine) || [];
  return stages.flatMap(({ box, mask }, i): Issue[] => {
    const paints = box !== undefined || mask !== undefined || request.task === "inpaint" || request.task === "outpaint";
    const needed = paints ? "inpaint" : "image-to-image";
    if (tasks.includes(needed)) return [];
    const message = `needs task "${needed}", which ${backend} does not have here: leave it out`;
    return [{ field: `refine[${i}]`, message, allowed: tasks }];
  });
}

/** Of a smaller draft the picture is made by a second pass. */
function checkDraft(request: GenerationRequest, { features, backend }: Capabilities): Issue[] {
  const scale = request.task === "text-to-image" ? request.draft?.scale : undefined;
  if (scale === undefined || scale === 1 || features.includes("hires")) return [];
  const message = `needs a second pass (hires) for its picture, which ${backend} does not have here: draft in fewer steps`;
  return [{ field: "draft.scale", message }];
}

function checkHires(request: GenerationRequest, capabilities: Capabilities): Issue[] {
  const { hires } = request;
  if (hires === undefined || !capabilities.features.includes("hires")) return [];
  const idle = hiresOptions
    .filter((option) => hires[option] !== undefined && !capabilities.hiresOptions?.includes(option))
    .map((option) => ({ field: `hires.${option}`, message: "has no effect here: leave it out" }));
  return [...idle, ...namesKnown(hires, capabilities, "hires.")].filter(
    ({ field }, i, all) => all.findIndex((other) => other.field === field) === i,
  );
}

function checkSyntax(request: GenerationRequest, { features, promptSyntaxes }: Capabilities): Issue[] {
  const syntax = "promptSyntax" in request ? request.promptSyntax : undefined;
  if (syntax === undefined || !features.includes("promptSyntax") || (promptSyntaxes?.includes(syntax) ?? true))
    return [];
  return [oneOf("promptSyntax", syntax, promptSyntaxes!)];
}

function checkSizes({ width, height }: GenerationRequest, { sizes }: Capabilities): Issue[] {
  if (sizes === undefined || (width === undefined && height === undefined)) return [];
  if (sizes.some(([w, h]) => (width ?? w) === w && (height ?? h) === h)) return [];
  const allowed = sizes.map(([w, h]) => `${w}×${h}`);
  const message = `${width ?? "any"}×${height ?? "any"} is not possible here: the size must be one of ${allowed.join(", ")}`;
  const fields = [width === undefined ? [] : ["width"], height === undefined ? [] : ["height"]].flat();
  return fields.map((field) => ({ field, message, allowed }));
}

function checkOptions({ backendOptions }: GenerationRequest, { backend, options = {} }: Capabilities): Issue[] {
  const given: Readonly<Record<string, unknown>> = backendOptions[backend] ?? {};
  return Object.entries(options)
    .filter(([name, allowed]) => given[name] !== undefined && !allowed.includes(given[name] as string))
    .map(([name, allowed]) => oneOf(`backendOptions.${backend}.${name}`, String(given[name]), allowed.map(String)));
}

function checkConditioning(request: GenerationRequest, capabilities: Capabilities): Issue[] {
  const { conditioning, controls = "any", conditioningOptions: honoured = [] } = capabilities;
  return request.conditioning.flatMap((entry, i): Issue[] => {
    if (!conditioning.includes(entry.kind)) {
      const message =
        conditioning.length === 0 ? "conditioning is not possible here" : `must be one of ${conditioning.join(", ")}`;
      return [{ field: `conditioning[${i}].kind`, message, allowed: conditioning }];
    }
    const idle = conditioningOptions
      .filter((option) => !honoured.includes(option) && Boolean((entry as Record<string, unknown>)[option]))
      .map((option) => ({ field: `conditioning[${i}].${option}`, message: "has no effect here: leave it out" }));
    if (entry.kind !== "control" || controls === "any" || controls.includes(entry.control)) return idle;
    return [...idle, oneOf(`conditioning[${i}].control`, entry.control, controls)];
  });
}

function within(value: number, { min, max, multipleOf }: Range): boolean {
  return value >= min && value <= max && (multipleOf === undefined || value % multipleOf === 0);
}

function describe({ min, max, multipleOf }: Range): string {
  if (min === max) return `${min}`;
  return `${min} to ${max}${multipleOf === undefined || multipleOf === 1 ? "" : `, a multiple of ${multipleOf}`}`;
}

function oneOf(field: string, value: string, allowed: readonly string[]): Issue {
  const near = nearest(value, allowed);
  const hint = near.length > 0 ? ` (did you mean ${near.join(" or ")}?)` : "";
  return { field, message: `"${value}" is not possible here${hint}: must be one of ${allowed.join(", ")}`, allowed };
}
