import type { EditorNode, Part, ShownValue } from "./parts.ts";

/** An entry of `proxyWidgets`: an inner node and its widget. */
type Proxy = readonly [source: string, widget: string];

/** Where the fields that a subgraph's node shows come from. */
interface Source {
  node: EditorNode;
  /** The widget; of a subgraph within, its input. */
  widget: string;
  value: unknown;
}

/**
 * Gives each node that stands for a subgraph the values of the fields that it shows, as the editor does: the inner
 * widget's, then those of `widgets_values` by the order of the inputs that are widgets, then those of `proxyWidgets`,
 * whose inner widgets become inputs of the subgraph where they were none.
 */
export function showValues(root: Part): void {
  const done = new Set<Part>();
  const visit = (part: Part) => {
    if (done.has(part)) return;
    done.add(part);
    for (const node of part.nodes.values()) if (node.inside !== undefined) visit(node.inside);
    const hosts = [...part.nodes.values()].filter(({ inside }) => inside !== undefined);
    for (const host of hosts) restoreShown(host);
    for (const host of hosts) applyProxies(host, hosts);
  };
  visit(root);
}

function restoreShown(host: EditorNode): void {
  const { widgets_values: saved, widgets_values_named: byName } = host.saved;
  for (const { name } of host.inside!.inputs) bind(host, name);
  const list = Array.isArray(saved) ? saved : [];
  const named = byName ?? (Array.isArray(saved) ? undefined : saved);
  const kept = named ? new Map<string, unknown>() : keptAside(host);
  for (const [place, [name, shown]] of [...host.shown].entries()) {
    const value = named ? named[name] : (kept.get(name) ?? list[place]);
    shown.place = place;
    // The editor sends null for null, which the server refuses: the inner value is meant.
    if (value !== undefined && value !== null) shown.value = value;
  }
}

/** Values that an editor could not put anywhere when it opened an older file, and has kept since: by input. */
function keptAside({ saved: { properties } }: EditorNode): Map<string, unknown> {
  const list = properties?.["proxyWidgetErrorQuarantine"];
  const kept = new Map<string, unknown>();
  for (const entry of Array.isArray(list) ? list : []) {
    const { originalEntry, hostValue } = (entry ?? {}) as { originalEntry?: unknown; hostValue?: unknown };
    if (!Array.isArray(originalEntry) || originalEntry[0] !== "-1" || hostValue === undefined) continue;
    if (!kept.has(String(originalEntry[1]))) kept.set(String(originalEntry[1]), hostValue);
  }
  return kept;
}

/** Has an input show the widget that it leads to, with that widget's value; undefined where it leads to none. */
function bind(host: EditorNode, name: string): ShownValue | undefined {
  const source = sourceOf(host.inside!, name);
  if (source === undefined) return undefined;
  const shown: ShownValue = { value: source.value };
  host.shown.set(name, shown);
  return shown;
}

/** The first widget that a subgraph's input leads to. */
function sourceOf(part: Part, name: string): Source | undefined {
  for (const id of part.inputs.find((input) => input.name === name)?.links ?? []) {
    const node = part.nodes.get(part.links.get(id)?.to ?? "");
    const slot = node?.slots.find(({ link }) => link === id);
    if (node === undefined || slot === undefined) continue;
    if (node.inside !== undefined) {
      const shown = node.shown.get(slot.name);
      if (shown !== undefined) return { node, widget: slot.name, value: shown.value };
      continue;
    }
    const widget = slot.widget === undefined ? undefined : node.widgets?.find(slot.widget);
    if (widget !== undefined) return { node, widget: widget.name, value: widget.value };
  }
  return undefined;
}

function applyProxies(host: EditorNode, hosts: readonly EditorNode[]): void {
  const saved = host.saved.widgets_values;
  const values: readonly unknown[] = Array.isArray(saved) ? saved : [];
  for (const [place, given] of proxiesOf(host).entries()) {
    const value = values[place];
    const isHole = place >= values.length || value === null;
    const [source, widget] = normal(host, given);
    const part = host.inside!;
    const linked = part.inputs.find(({ name }) => {
      const found = sourceOf(part, name);
      return found?.node.id === source && found.widget === widget;
    });
    const shown = linked === undefined ? undefined : host.shown.get(linked.name);
    if (shown !== undefined) {
      put(shown, place, isHole, value);
      continue;
    }
    if (source === "-1") {
      const own = host.shown.get(widget);
      if (own !== undefined) put(own, place, isHole, value);
      continue;
    }
    const node = part.nodes.get(source);
    if (node === undefined || widget.startsWith("$$")) continue;
    const input = node.type === "PrimitiveNode" ? fromPrimitive(part, node, widget) : fromWidget(part, node, widget);
    if (input === undefined) continue;
    // The subgraph is shared: its other nodes show the new field as well.
    for (const other of hosts) {
      if (other.inside !== part) continue;
      other.slots.push({ name: input, type: "*", link: undefined });
      bind(other, input);
    }
    const own = host.shown.get(input);
    if (own === undefined) continue;
    put(own, place, isHole, value);
    if (isHole && node.type === "PrimitiveNode") own.value = primitiveValue(node);
  }
}

function put(shown: ShownValue, place: number, isHole: boolean, value: unknown): void {
  shown.place = place;
  if (!isHole) shown.value = value;
}

/** Pairs of an inner node's id and its widget's name; a list, or the same as JSON text. */
function proxiesOf({ saved: { properties } }: EditorNode): Proxy[] {
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

/** Some files write the innermost node in front of the widget's name: `"12: seed"`. */
function normal({ inside }: EditorNode, [source, widget]: Proxy): Proxy {
  const node = inside!.nodes.get(source);
  if (node?.widgets?.find(widget) !== undefined || node?.shown.has(widget)) return [source, widget];
  const name = widget.replace(/^(\s*\d+\s*:\s*)+/, "");
  return [source, name];
}

/** A new input that leads to a widget, in the place of whatever was linked to it. */
function fromWidget(part: Part, node: EditorNode, widget: string): string | undefined {
  const slot = node.slots.find((own) => (node.inside === undefined ? own.widget === widget : own.name === widget));
  const isThere = node.inside === undefined ? node.widgets?.find(widget) !== undefined : node.shown.has(widget);
  if (slot === undefined || !isThere) return undefined;
  const name = newInput(part, widget, slot.type);
  slot.link = lead(part, name, node, node.slots.indexOf(slot));
  return name;
}

/** A new input in the place of a primitive, which leads to whatever that did. */
function fromPrimitive(part: Part, node: EditorNode, widget: string): string | undefined {
  const links = [...part.links.values()].filter(({ from }) => from === node.id);
  const targets = links.flatMap(({ id, to }) => {
    const target = part.nodes.get(to);
    const slot = target?.slots.find(({ link }) => link === id);
    return target === undefined || slot === undefined ? [] : [{ target, slot }];
  });
  if (targets.length === 0) return undefined;
  const title = node.saved.title;
  const base = title !== undefined && title !== "" && title !== "PrimitiveNode" ? title : widget;
  const name = newInput(part, base, node.outputs[0]?.type);
  for (const { target, slot } of targets) slot.link = lead(part, name, target, target.slots.indexOf(slot));
  return name;
}

function primitiveValue({ saved }: EditorNode): unknown {
  return Array.isArray(saved.widgets_values) ? saved.widgets_values[0] : undefined;
}

function newInput(part: Part, base: string, type: unknown): string {
  const taken = new Set(part.inputs.map(({ name }) => name));
  let name = base;
  for (let number = 1; taken.has(name); number++) name = `${base}_${number}`;
  part.inputs.push({ name, type, links: [] });
  return name;
}

/** @returns the id of a new link from a subgraph's input. */
function lead(part: Part, name: string, node: EditorNode, toSlot: number): string {
  const place = part.inputs.findIndex((input) => input.name === name);
  const id = `shown-${place}-${part.inputs[place]!.links.length}`;
  part.links.set(id, { id, from: "-10", slot: place, to: node.id, toSlot });
  part.inputs[place]!.links.push(id);
  return id;
}
