import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import type { GenerationInput } from "../request/input-types.ts";

/** A field that is varied, and its values in their order. */
export interface Axis {
  field: string;
  values: readonly unknown[];
}

/** One combination: its values by field, and the request with them. */
export interface Combination {
  values: Readonly<Record<string, unknown>>;
  request: GenerationInput;
}

/** Fields whose value is a list itself: they are varied by a list of lists. */
const lists = new Set(["loras", "embeddings", "conditioning", "sigmas", "timesteps"]);
const mostCells = 10_000;

/**
 * The fields that vary, in the order in which they stand. A dot reaches into a field: `"noise.source": ["nv", "torch-cpu"]`.
 *
 * @throws InvalidRequestError when none does, a list is empty, or there are more than 10,000 combinations.
 */
export function axesOf(input: Readonly<Record<string, unknown>>): Axis[] {
  const axes = Object.entries(input).flatMap(([field, value]): Axis[] =>
    Array.isArray(value) && (!lists.has(field) || Array.isArray(value[0])) ? [{ field, values: value }] : [],
  );
  const empty = axes.find(({ values }) => values.length === 0);
  if (empty !== undefined)
    throw new InvalidRequestError([{ field: empty.field, message: "is varied, but its list has no values" }]);
  if (axes.length === 0) {
    const message = "a sweep varies the fields that are given as lists, such as steps: [5, 20]: there is none";
    throw new InvalidRequestError([{ field: "", message }]);
  }
  const cells = axes.reduce((product, { values }) => product * values.length, 1);
  if (cells > mostCells)
    throw new InvalidRequestError([
      { field: axes[0]!.field, message: `makes ${cells} pictures; at most ${mostCells} are swept` },
    ]);
  return axes;
}

/** Every combination: the first axis runs fastest. */
export function combinationsOf(input: Readonly<Record<string, unknown>>, axes: readonly Axis[]): Combination[] {
  const fixed = Object.fromEntries(
    Object.entries(input).filter(([field]) => axes.every((axis) => axis.field !== field)),
  );
  let all: Record<string, unknown>[] = [{}];
  for (const { field, values } of axes.toReversed())
    all = all.flatMap((others) => values.map((value) => ({ [field]: value, ...others })));
  return all.map((values) => ({ values, request: merged(fixed, values) as unknown as GenerationInput }));
}

function merged(fixed: Record<string, unknown>, values: Record<string, unknown>): Record<string, unknown> {
  const request: Record<string, unknown> = { ...fixed };
  for (const [field, value] of Object.entries(values)) {
    const path = field.split(".");
    const last = path.pop()!;
    let holder = request;
    for (const part of path) {
      holder[part] = { ...(holder[part] as object | undefined) };
      holder = holder[part] as Record<string, unknown>;
    }
    holder[last] = value;
  }
  return request;
}

/** How a value is written on a sheet. */
export function labelOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "bigint") return value.toString();
  return JSON.stringify(value) ?? String(value);
}
