import { type FieldMap, type Graph, GraphBuilder, type Link } from "./graph.ts";
import { imageToImage } from "./image-to-image.ts";
import { inpaint } from "./inpaint.ts";
import { outpaint } from "./outpaint.ts";
import { deliver } from "./picture.ts";
import type { Plan, PlanOf } from "./plan.ts";
import { textToImage } from "./text-to-image.ts";
import { upscale } from "./upscale.ts";

/** A graph with what is needed to read its results. */
export interface BuiltGraph {
  graph: Graph;
  /** Which request field each input came from. */
  fields: FieldMap;
  /** Which picture each end of the graph gives, by node id. */
  outputs: Record<string, number>;
}

/** A plan's graph. Pure: the same plan gives the same graph, with the same ids. */
export function buildGraph(plan: Plan): BuiltGraph {
  const g = new GraphBuilder();
  const outputs = Object.fromEntries(pictures(g, plan).map((image, index) => [deliver(g, plan, index, image), index]));
  return { graph: g.graph, fields: g.fields, outputs };
}

function pictures(g: GraphBuilder, plan: Plan): Link[] {
  const { task } = plan.request;
  if (task === "image-to-image") return imageToImage(g, plan as PlanOf<"image-to-image">);
  if (task === "inpaint") return inpaint(g, plan as PlanOf<"inpaint">);
  if (task === "outpaint") return outpaint(g, plan as PlanOf<"outpaint">);
  if (task === "upscale") return upscale(g, plan as PlanOf<"upscale">);
  return textToImage(g, plan);
}
