import type { GenerationRequest, Issue } from "@latentkit/core";
import type { Family } from "../comfy-options.ts";
import type { ObjectInfo } from "../server/object-info.ts";

/** Nodes by which a family takes pictures to go by, and how many at most. */
const nodes: Partial<Record<Family, { node: string; most: number }>> = {
  flux2: { node: "ReferenceLatent", most: 10 },
  flux3: { node: "ReferenceMultiLatent", most: 10 },
  "qwen-image": { node: "TextEncodeQwenImageEditPlus", most: 3 },
  "qwen-image-2.1": { node: "TextEncodeQwenImage21", most: 10 },
};

/** Whether a model takes reference pictures itself, in the place of an IP-Adapter: of Qwen-Image 1.x, those for editing. */
export function takesReferences(family: Family, model: string): boolean {
  return family in nodes && (family !== "qwen-image" || /edit/i.test(model));
}

/** Whether the server has what a family takes reference pictures by. */
export function hasReferences(info: ObjectInfo, family: Family): boolean {
  const known = nodes[family];
  return known !== undefined && info.has(known.node);
}

/** What is wrong with a request's reference pictures: they have neither a model, nor a weight, nor a time. */
export function referenceIssues({ conditioning }: GenerationRequest, family: Family, info: ObjectInfo): Issue[] {
  const { node, most } = nodes[family]!;
  const entries = conditioning.flatMap((entry, at) => (entry.kind === "image-prompt" ? [{ entry, at }] : []));
  return entries.flatMap(({ entry, at }, place): Issue[] => {
    const field = `conditioning[${at}]`;
    const wrong = (name: string, message: string): Issue => ({
      field: name === "" ? field : `${field}.${name}`,
      message,
    });
    if (!info.has(node)) return [wrong("", `needs the node ${node}, which the server does not have`)];
    if (place >= most) return [wrong("", `${family} models take ${most} reference pictures at most`)];
    const plain = "is of IP-Adapters: this model takes the picture itself, leave it out";
    return [
      ...(entry.model === undefined ? [] : [wrong("model", plain)]),
      ...(entry.strength === 1 ? [] : [wrong("strength", plain)]),
      ...(entry.start === 0 ? [] : [wrong("start", plain)]),
      ...(entry.end === 1 ? [] : [wrong("end", plain)]),
    ];
  });
}
