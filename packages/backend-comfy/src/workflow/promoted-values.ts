import type { InputValue } from "../graph/graph.ts";
import type { UiNode, UiSubgraph } from "./ui-to-api.ts";

/** Values typed into the widgets that a subgraph shows on the node that stands for it. */
export interface PromotedValues {
  /** By the subgraph's input. */
  byInput: Map<string, InputValue>;
  /** By an inner node's id and its widget, for widgets that are shown without being an input. */
  byNode: Map<string, Record<string, InputValue>>;
}

/** What stands for the subgraph's own inputs in `proxyWidgets`. */
const ownInputs = "-1";

/**
 * Reads the outer values as the editor restores them: those of `properties.proxyWidgets` by their place in
 * `widgets_values`, where the file has such a list, else those of the inputs that are widgets, in their order. What is
 * missing or null leaves the inner node its own value.
 */
export function promotedValues(node: UiNode, subgraph: UiSubgraph): PromotedValues {
  const found: PromotedValues = { byInput: new Map(), byNode: new Map() };
  const { widgets_values: saved, widgets_values_named: names } = node;
  const put = (source: string, widget: string, value: unknown) => {
    if (value === undefined || value === null) return;
    if (source === ownInputs) found.byInput.set(widget, value as InputValue);
    else found.byNode.set(source, { ...found.byNode.get(source), [widget]: value as InputValue });
  };
  const proxies = proxiesOf(node);
  if (Array.isArray(saved) && proxies.length > 0) {
    for (const [i, [source, widget]] of proxies.entries()) put(source, widget, saved[i]);
  } else {
    const named = names ?? (Array.isArray(saved) ? undefined : saved);
    const inputs = (node.inputs ?? []).filter(
      ({ name, widget }) => widget !== undefined || leadsToWidget(subgraph, name),
    );
    for (const [i, { name }] of inputs.entries()) put(ownInputs, name, named ? named[name] : (saved as unknown[])?.[i]);
  }
  // Of a subgraph within a subgraph: what the outermost one says.
  for (const [name, value] of Object.entries(node.values ?? {})) found.byInput.set(name, value);
  return found;
}

/** Pairs of an inner node's id and its widget's name; a list, or the same as JSON text. */
function proxiesOf({ properties }: UiNode): [source: string, widget: string][] {
  const given = properties?.["proxyWidgets"];
  let list: unknown = given;
  if (typeof given === "string") {
    try {
      list = JSON.parse(given);
    } catch {
      return [];
    }
  }
  if (!Array.isArray(list)) return [];
  return list.map((entry: unknown) => (Array.isArray(entry) ? [String(entry[0]), String(entry[1])] : ["", ""]));
}

/** Whether a subgraph's input goes into a widget of an inner node. */
function leadsToWidget({ inputs = [], nodes, links }: UiSubgraph, name: string): boolean {
  const slot = inputs.findIndex((input) => input.name === name);
  const ids = links.flatMap((link) => {
    const [id, from, fromSlot] = Array.isArray(link) ? link : [link.id, link.origin_id, link.origin_slot];
    return String(from) === "-10" && fromSlot === slot ? [String(id)] : [];
  });
  return nodes.some((node) =>
    node.inputs?.some(({ link, widget }) => widget !== undefined && ids.includes(String(link))),
  );
}
