/** A node of a prompt. */
export interface PromptNode {
  class_type: string;
  inputs: Record<string, unknown>;
}
/** A prompt by node id. */
export type Prompt = Record<string, PromptNode>;

/** Whether an input is a link to another node's output. */
export function isLink(value: unknown): value is [string, number] {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === "string" && typeof value[1] === "number";
}

/** Ids that a node needs, deepest first, itself last. */
export function ancestry(prompt: Prompt, id: string, seen = new Set<string>()): string[] {
  if (seen.has(id)) return [];
  seen.add(id);
  const before = Object.values(prompt[id]?.inputs ?? {}).flatMap((value) =>
    isLink(value) ? ancestry(prompt, value[0], seen) : [],
  );
  return [...before, id];
}
