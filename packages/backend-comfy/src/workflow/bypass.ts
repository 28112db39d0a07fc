import type { UiNode } from "./ui-to-api.ts";

type UiInput = NonNullable<UiNode["inputs"]>[number];

/**
 * The link whose value a bypassed node hands on, chosen as the editor does: the input at the output's own place where its
 * type fits, else the first of exactly the wanted type, else the first that fits.
 *
 * @param wanted the type of the input that the value goes into in the end.
 */
export function passedThrough({ type, inputs = [], outputs = [] }: UiNode, slot: number, wanted: unknown) {
  const found = type === "Reroute" ? inputs[0] : chosen(inputs, slot, wanted, outputs[slot]?.type);
  return found?.link === null || found?.link === undefined ? undefined : String(found.link);
}

function chosen(inputs: readonly UiInput[], slot: number, wanted: unknown, given: unknown): UiInput | undefined {
  if (isAny(wanted)) return inputs[slot] ?? inputs[0];
  const fits = (input: UiInput) => connects(input.type, given) && connects(input.type, wanted);
  const opposite = inputs[slot];
  if (opposite !== undefined && fits(opposite)) return opposite;
  return inputs.find((input) => input.type === wanted) ?? inputs.find(fits);
}

function isAny(type: unknown): boolean {
  return type === "*" || type === "" || type === 0 || type === undefined || type === null;
}

/** Types are names, lists of names with commas, or whatever there is; combos are lists of their choices. */
function connects(a: unknown, b: unknown): boolean {
  if (isAny(a) || isAny(b)) return true;
  const names = (type: unknown) => String(type).toLowerCase().split(",");
  return names(a).some((name) => names(b).includes(name));
}
