import type { GraphBuilder, Link } from "./graph.ts";
import { imageOf, type Plan } from "./plan.ts";

/** A LoadImage node for a request field's upload: outputs are the picture and its alpha as a mask. */
export function loadImage(g: GraphBuilder, plan: Plan, field: string, id: string): (slot?: number) => Link {
  return g.add(id, "LoadImage", { image: imageOf(plan, field).name }, { image: field });
}
