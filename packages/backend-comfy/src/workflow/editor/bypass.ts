import type { Slot } from "./parts.ts";

/**
 * The input whose value a bypassed node hands on, chosen as the editor does: the one at the output's own place where its
 * type fits, else the first of exactly the wanted type, else the first that fits.
 *
 * @param wanted the type of the input that the value goes into in the end.
 */
export function bypassSlot(slots: readonly Slot[], place: number, wanted: unknown, given: unknown): number | undefined {
  if (isAny(wanted)) return slots.length > place ? place : 0;
  const fits = (slot: Slot) => connects(slot.type, given) && connects(slot.type, wanted);
  const opposite = slots[place];
  if (opposite !== undefined && fits(opposite)) return place;
  const exact = slots.findIndex(({ type }) => type === wanted);
  const found = exact === -1 ? slots.findIndex(fits) : exact;
  return found === -1 ? undefined : found;
}

function isAny(type: unknown): boolean {
  return type === "*" || type === "" || type === 0 || type === undefined || type === null;
}

/** Types are names, lists of names with commas, or whatever there is; combos are lists of their choices. */
export function connects(a: unknown, b: unknown): boolean {
  if (isAny(a) || isAny(b)) return true;
  const names = (type: unknown) => String(type).toLowerCase().split(",");
  return names(a).some((name) => names(b).includes(name));
}
