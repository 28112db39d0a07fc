import type { SlotNames } from "./family.ts";
import type { Mapping } from "./mapping.ts";
import type { Role } from "./roles.ts";

/** LoRAs, in as many slots as the model has, or in a list. */
export function mapLoras(mapping: Mapping): void {
  const { loras } = mapping.request;
  if (loras.length === 0) return;
  for (const [i, lora] of loras.entries()) {
    if (lora.textEncoderStrength !== undefined)
      mapping.refuse(`loras[${i}].textEncoderStrength`, "the model has one strength for all: leave it out");
  }
  const first = mapping.find("lora");
  if (first?.array) {
    mapList(mapping);
    return;
  }
  const slots = loraSlots(mapping);
  for (const [i, { model, strength }] of loras.entries()) {
    const slot = slots[i];
    if (slot?.lora === undefined) {
      mapping.refuse(
        `loras[${i}]`,
        slots.length === 0 ? "the model takes no LoRA" : `the model takes at most ${slots.length}`,
      );
      continue;
    }
    mapping.set(mapping.schema.inputs.get(slot.lora)!, model, `loras[${i}].model`);
    const scale = slot.loraScale === undefined ? undefined : mapping.schema.inputs.get(slot.loraScale);
    if (scale !== undefined) mapping.set(scale, strength, `loras[${i}].strength`);
    else if (strength !== 1) mapping.refuse(`loras[${i}].strength`, "the model has no strength for it: leave it at 1");
  }
}

function mapList(mapping: Mapping): void {
  const { loras } = mapping.request;
  mapping.put(
    "lora",
    loras.map(({ model }) => model),
    "loras",
  );
  const scale = mapping.find("loraScale");
  const strengths = loras.map(({ strength }) => strength);
  if (scale?.array) mapping.set(scale, strengths, "loras");
  else if (scale !== undefined && new Set(strengths).size === 1) mapping.set(scale, strengths[0], "loras[0].strength");
  else if (strengths.some((strength) => strength !== 1))
    mapping.refuse("loras[0].strength", "the model has no strength of each LoRA: leave it at 1");
}

/** The model's LoRA slots: the common one, then the family's further ones. */
export function loraSlots(mapping: Pick<Mapping, "find" | "family" | "schema">): SlotNames[] {
  const name = (role: Role) => mapping.find(role)?.name;
  const [lora, loraScale] = [name("lora"), name("loraScale")];
  const first: SlotNames[] = lora === undefined ? [] : [{ lora, ...(loraScale === undefined ? {} : { loraScale }) }];
  const more = (mapping.family.loraSlots ?? []).filter((slot) => mapping.schema.inputs.has(slot.lora ?? ""));
  return [...first, ...more];
}
