import type { UiLink, UiNode, UiSubgraph, UiWorkflow } from "../ui-workflow.ts";

/**
 * Gives inner nodes new ids where another part of the file has the same, as the editor does when it loads a file: the
 * first keeps its id, the others get numbers beyond the last.
 */
export function withUniqueIds(workflow: UiWorkflow): UiWorkflow {
  const subgraphs = workflow.definitions?.subgraphs;
  if (subgraphs === undefined || subgraphs.length === 0) return workflow;
  const used = new Set(workflow.nodes.map(({ id }) => String(id)));
  let last = Number(workflow.last_node_id ?? workflow.state?.lastNodeId ?? 0);
  const renamed = new Map<string, Map<string, number>>();
  for (const { id: subgraph, nodes } of subgraphs) {
    const changed = new Map<string, number>();
    for (const { id } of nodes) {
      if (used.has(String(id))) {
        do last++;
        while (used.has(String(last)));
        changed.set(String(id), last);
        used.add(String(last));
        continue;
      }
      used.add(String(id));
      if (Number.isInteger(Number(id))) last = Math.max(last, Number(id));
    }
    renamed.set(subgraph, changed);
  }
  const proxied = (node: UiNode): UiNode => withProxies(node, renamed.get(node.type));
  return {
    ...workflow,
    nodes: workflow.nodes.map(proxied),
    definitions: {
      ...workflow.definitions,
      subgraphs: subgraphs.map((subgraph) => withIds(subgraph, renamed.get(subgraph.id)!, proxied)),
    },
  };
}

function withIds(
  subgraph: UiSubgraph,
  changed: ReadonlyMap<string, number>,
  proxied: (node: UiNode) => UiNode,
): UiSubgraph {
  const newId = (id: number | string) => changed.get(String(id)) ?? id;
  const nodes = subgraph.nodes.map((node) => ({ ...proxied(node), id: newId(node.id) }));
  const links = subgraph.links.map((link): UiLink => {
    if (!Array.isArray(link)) return { ...link, origin_id: newId(link.origin_id), target_id: newId(link.target_id) };
    const [id, from, slot, to, toSlot, type] = link;
    return [id, newId(from), slot, newId(to), toSlot, type];
  });
  return { ...subgraph, nodes, links };
}

function withProxies(node: UiNode, changed: ReadonlyMap<string, number> | undefined): UiNode {
  const proxies = node.properties?.["proxyWidgets"];
  if (changed === undefined || changed.size === 0 || !Array.isArray(proxies)) return node;
  const proxyWidgets = proxies.map((entry: unknown) => {
    if (!Array.isArray(entry)) return entry;
    const [source, ...rest] = entry;
    return [String(changed.get(String(source)) ?? source), ...rest];
  });
  return { ...node, properties: { ...node.properties, proxyWidgets } };
}
