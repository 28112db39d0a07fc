import type { Link } from "./graph.ts";

/** What the sampler is steered by. */
export interface Conditions {
  positive: Link;
  negative: Link;
}
