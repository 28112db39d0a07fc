import type { Conditioning } from "@latentkit/core";
import { FileSlot } from "../files/file-slot.ts";
import type { SlotNames } from "./family.ts";
import type { Mapping } from "./mapping.ts";
import type { Role } from "./roles.ts";

type Control = Extract<Conditioning, { kind: "control" }>;
type ImagePrompt = Extract<Conditioning, { kind: "image-prompt" }>;

const controlRoles: readonly Role[] = ["controlImage", "controlType", "controlStrength", "controlStart", "controlEnd"];

/** Controls and image prompts, in the slots that the model has. Text conditioning is refused by the capabilities. */
export function mapConditioning(mapping: Mapping): void {
  const entries = mapping.request.conditioning.map((entry, i) => ({ entry, field: `conditioning[${i}]` }));
  const controls = entries.filter(({ entry }) => entry.kind === "control");
  const slots = controlSlots(mapping);
  for (const [i, { entry, field }] of controls.entries()) mapControl(mapping, entry as Control, field, slots, i);
  const prompts = entries.filter(({ entry }) => entry.kind === "image-prompt");
  if (prompts.length > 0) mapImagePrompts(mapping, prompts as { entry: ImagePrompt; field: string }[]);
}

function mapControl(mapping: Mapping, entry: Control, field: string, slots: readonly SlotNames[], i: number): void {
  const slot = slots[i];
  if (slot?.controlImage === undefined) {
    const why = slots.length === 0 ? "the model takes no control image" : `the model takes at most ${slots.length}`;
    mapping.refuse(field, why);
    return;
  }
  if (entry.model !== undefined)
    mapping.refuse(`${field}.model`, "the model brings its own ControlNet: leave it out, or choose another model");
  const input = (role: Role) => mapping.schema.inputs.get(slot[role] ?? "");
  mapping.set(input("controlImage")!, new FileSlot(entry.image, `${field}.image`), `${field}.image`);
  const type = input("controlType");
  if (type !== undefined)
    mapping.set(type, wordFor(entry.control, type.enum, mapping.family.controlTypes), `${field}.control`);
  const optional = [
    ["controlStrength", "strength", entry.strength, 1],
    ["controlStart", "start", entry.start, 0],
    ["controlEnd", "end", entry.end, 1],
  ] as const;
  for (const [role, name, value, neutral] of optional) {
    const property = input(role);
    if (property !== undefined) mapping.set(property, value, `${field}.${name}`);
    else if (value !== neutral)
      mapping.refuse(`${field}.${name}`, `the model has no input for it: leave it at ${neutral}`);
  }
}

/** The model's word for a control type: the family's, else the one that contains ours. */
function wordFor(
  control: string,
  allowed: readonly (string | number)[] | undefined,
  own: Readonly<Record<string, string>> | undefined,
): string {
  const plain = control.replace(/-/g, "");
  const similar = allowed?.find((word) => String(word).toLowerCase().replace(/[-_ ]/g, "").includes(plain));
  const chosen = own?.[control];
  return chosen !== undefined && allowed?.includes(chosen) ? chosen : String(similar ?? control);
}

function mapImagePrompts(mapping: Mapping, prompts: readonly { entry: ImagePrompt; field: string }[]): void {
  const property = mapping.find("imagePrompt");
  const room = property === undefined ? 0 : property.array ? Number.POSITIVE_INFINITY : 1;
  for (const { entry, field } of prompts.slice(room))
    mapping.refuse(
      field,
      room === 0
        ? "the model takes no image prompt"
        : `the model takes one image prompt, not ${prompts.length} (${entry.kind})`,
    );
  const taken = prompts.slice(0, room);
  if (property === undefined || taken.length === 0) return;
  const slots = taken.map(({ entry, field }) => new FileSlot(entry.image, `${field}.image`));
  mapping.set(property, property.array ? slots : slots[0], taken[0]!.field);
  const strength = mapping.find("imagePromptStrength");
  for (const { entry, field } of taken) {
    if (entry.model !== undefined) mapping.refuse(`${field}.model`, "the model brings its own adapter: leave it out");
    if (entry.start !== 0 || entry.end !== 1)
      mapping.refuse(`${field}.start`, "the model has no window for it: leave start at 0 and end at 1");
    if (strength !== undefined) mapping.set(strength, entry.strength, `${field}.strength`);
    else if (entry.strength !== 1)
      mapping.refuse(`${field}.strength`, "the model has no strength for it: leave it at 1");
  }
}

/** The model's ControlNet slots: the family's, else the one that the common names make. */
export function controlSlots(mapping: Pick<Mapping, "find" | "family" | "schema">): SlotNames[] {
  const own = mapping.family.controlSlots?.filter((slot) => mapping.schema.inputs.has(slot.controlImage ?? ""));
  if (own !== undefined && own.length > 0) return own;
  if (mapping.find("controlImage") === undefined) return [];
  const entries = controlRoles.flatMap((role) => {
    const name = mapping.find(role)?.name;
    return name === undefined ? [] : [[role, name] as const];
  });
  return [Object.fromEntries(entries)];
}
