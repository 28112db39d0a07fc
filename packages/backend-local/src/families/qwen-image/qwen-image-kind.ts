import type { ReferenceRules } from "../traits.ts";

/** What a Qwen-Image is for: pictures from texts, or edits, of one picture (`edit`) or of several (`edit-plus`: 2509, 2511 and later). */
export type QwenImageKind = "plain" | "edit" | "edit-plus";

const editors: Readonly<Record<string, QwenImageKind>> = {
  QwenImageEditPipeline: "edit",
  QwenImageEditInpaintPipeline: "edit",
  QwenImageEditPlusPipeline: "edit-plus",
};

/** A model's kind, which its pipeline tells: the weights are alike. */
export function qwenImageKind({ index }: { index?: Readonly<Record<string, unknown>> }): QwenImageKind {
  return editors[String(index?._class_name)] ?? "plain";
}

/** A million pixels, sides to multiples of 32. */
const encoded = {
  ...{ least: 1, area: 1024 * 1024, fits: 32, multipleOf: 32, minSide: 16, maxRatio: 16 },
  setsSize: "last",
} as const;

/** What an editor's pictures are brought to. Of one it is shown as much as is encoded, of several less. */
export const editedPictures: Readonly<Record<Exclude<QwenImageKind, "plain">, ReferenceRules>> = {
  edit: { ...encoded, most: 1, seen: { multipleOf: 28 } },
  "edit-plus": { ...encoded, most: 4, seen: { area: 384 * 384, multipleOf: 28 } },
};

/** Tokens of the template that stand before the prompt or the pictures, whose states are left out. */
export const dropped: Readonly<Record<QwenImageKind, number>> = { plain: 34, edit: 64, "edit-plus": 64 };
