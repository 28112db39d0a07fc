import { z } from "zod";
import { workflowError } from "../comfy-error.ts";
import type { UiWorkflow } from "./ui-workflow.ts";

const id = z.union([z.number(), z.string()]);
const slot = z.number().int();

const NodeSchema = z.looseObject({
  id,
  type: z.string(),
  title: z.string().nullish(),
  inputs: z.array(z.looseObject({ name: z.string(), link: id.nullish() })).nullish(),
  outputs: z.array(z.looseObject({})).nullish(),
  widgets_values: z.union([z.array(z.unknown()), z.record(z.string(), z.unknown())]).nullish(),
});
const LinkSchema = z.union([
  z.tuple([id, id, slot, id, slot], z.unknown()),
  z.looseObject({ id, origin_id: id, origin_slot: slot, target_id: id, target_slot: slot }),
]);
/** Old editors leave holes where links were removed, and no list where there are none. */
const LinksSchema = z
  .array(LinkSchema.nullable())
  .nullish()
  .transform((links) => (links ?? []).filter((link) => link !== null));
const PartSchema = z.looseObject({ nodes: z.array(NodeSchema), links: LinksSchema });
const SubgraphSchema = PartSchema.extend({
  id: z.string(),
  inputs: z.array(z.looseObject({ name: z.string() })).nullish(),
});
const WorkflowSchema = PartSchema.extend({
  definitions: z.looseObject({ subgraphs: z.array(SubgraphSchema).nullish() }).nullish(),
});

/** What the editor saves as the converter reads it. @throws ConfigError naming what is not as the editor would save it. */
export function readUiWorkflow(saved: unknown): UiWorkflow {
  const parsed = WorkflowSchema.safeParse(saved);
  if (parsed.success) return withoutNulls(parsed.data) as unknown as UiWorkflow;
  const [issue] = parsed.error.issues;
  const place = ["workflow", ...(issue?.path ?? [])].join(".");
  throw workflowError(`${place}: ${issue?.message}: this is not what ComfyUI's editor saves`, { cause: parsed.error });
}

/** Lists that are null mean the same as lists that are not there. */
function withoutNulls(part: Record<string, unknown>): Record<string, unknown> {
  const lists = ["inputs", "outputs", "title", "definitions", "subgraphs"];
  const kept = Object.entries(part).filter(([name, value]) => value !== null || !lists.includes(name));
  return Object.fromEntries(
    kept.map(([name, value]) => {
      if (name === "nodes" || name === "subgraphs")
        return [name, (value as Record<string, unknown>[]).map(withoutNulls)];
      return [name, name === "definitions" ? withoutNulls(value as Record<string, unknown>) : value];
    }),
  );
}
