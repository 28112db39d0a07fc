/** A node as ComfyUI's editor saves it. */
export interface UiNode {
  id: number | string;
  type: string;
  title?: string;
  /** 0 runs, 2 is muted, 4 is bypassed. */
  mode?: number;
  inputs?: {
    name: string;
    type: unknown;
    link?: number | string | null;
    widget?: { name?: string } | null;
    label?: string;
  }[];
  outputs?: { name: string; type: unknown; links?: unknown; label?: string }[];
  widgets_values?: unknown[] | Record<string, unknown> | null;
  /** The same by name, which newer editors save beside. */
  widgets_values_named?: Record<string, unknown> | null;
  properties?: Record<string, unknown>;
}
/** A link as the editor saves it: as a list, or with names. */
export type UiLink =
  | [id: number | string, from: number | string, fromSlot: number, to: number | string, toSlot: number, type: unknown]
  | {
      id: number | string;
      origin_id: number | string;
      origin_slot: number;
      target_id: number | string;
      target_slot: number;
      type?: unknown;
    };

/** What the editor saves. */
export interface UiWorkflow {
  nodes: UiNode[];
  links: UiLink[];
  definitions?: { subgraphs?: UiSubgraph[] };
  extra?: { groupNodes?: Record<string, unknown> };
  /** The greatest id that a node has had; newer files keep it in `state`. */
  last_node_id?: number;
  state?: { lastNodeId?: number };
}
/** A group of nodes that the editor shows as one. */
export interface UiSubgraph {
  id: string;
  name?: string;
  nodes: UiNode[];
  links: UiLink[];
  inputs?: { name: string; type?: unknown; linkIds?: (number | string)[] }[];
  outputs?: { name: string; type?: unknown }[];
  /** Made of a group node of an older editor; no part of a file. */
  isGroup?: boolean;
}

/** Whether JSON is in the editor's format. */
export function isUiWorkflow(workflow: unknown): boolean {
  return typeof workflow === "object" && workflow !== null && Array.isArray((workflow as Partial<UiWorkflow>).nodes);
}
