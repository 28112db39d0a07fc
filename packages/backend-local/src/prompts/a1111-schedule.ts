import { pythonFloat, pythonSpace, trimmedEnd, wholeWord } from "./python-text.ts";

/** A text that is used up to and including a step, counted from 1. */
export interface ScheduledText {
  until: number;
  text: string;
}

/** A parsed prompt: text as it is, `[before:after:when]`, or `[a|b|…]`. */
type Node = string | { before: Node[]; after: Node[]; when: string } | { turns: Node[][] };

const plain = /(?:[^\\[\]():|]|\\.)+/uy;
const when = new RegExp(`${pythonSpace}*([+-]?(?:\\d+(?:\\.\\d*)?|\\.\\d+)(?:[eE][+-]?\\d+)?)${pythonSpace}*\\]`, "uy");

/**
 * The texts of a prompt with `[from:to:when]` and `[a|b]`, as AUTOMATIC1111's `get_learned_conditioning_prompt_schedules` (1.10) over
 * `steps` steps. A `when` with a point is a share of the steps. Brackets that make neither stay as they are; a prompt with a `|` outside of
 * brackets has no schedule at all. `undefined` where that makes more texts than {@link maxScheduled}.
 */
export function promptSchedule(prompt: string, steps: number): ScheduledText[] | undefined {
  const nodes = new Parser(prompt).whole();
  if (nodes === undefined) return [{ until: steps, text: prompt }];
  const found = new Set([steps]);
  const count = addEnds(nodes, steps, found);
  const ends = [...found].sort((a, b) => a - b);
  if (ends.length > 1 && ends.length * count > maxScheduled.places) return undefined;
  const texts = new Set<string>();
  const schedule: ScheduledText[] = [];
  let length = 0;
  for (const until of ends) {
    const text = textAt(nodes, until, steps);
    if (!texts.has(text)) length += text.length;
    if (texts.add(text).size > 1 && length > maxScheduled.characters) return undefined;
    schedule.push({ until, text });
  }
  return schedule;
}

/** What the texts of one schedule may come to: each of them is encoded and held. */
export const maxScheduled = {
  /** Characters of all the texts that differ. */
  characters: 131_072,
  /** Brackets and stretches of the prompt, times the steps at which any changes. */
  places: 4_000_000,
} as const;

/** Index of the text that a step uses, counted from 0: A1111's `current_step <= end_at_step`, and the first where none fits. */
export function scheduledAt(schedule: readonly ScheduledText[], step: number): number {
  return Math.max(
    0,
    schedule.findIndex(({ until }) => step <= until),
  );
}

function endOf(text: string, steps: number): number {
  const value = pythonFloat(text)!;
  return Math.min(steps, Math.trunc(text.includes(".") ? value * steps : value));
}

/** Adds the steps at which a text ends. @returns how many nodes there are. */
function addEnds(nodes: readonly Node[], steps: number, ends: Set<number>): number {
  let count = nodes.length;
  for (const node of nodes) {
    if (typeof node === "string") continue;
    if ("turns" in node) {
      for (let step = 1; ends.size < steps && step <= steps; step++) ends.add(step);
      for (const each of node.turns) count += addEnds(each, steps, ends);
    } else {
      const end = endOf(node.when, steps);
      if (end >= 1) ends.add(end);
      count += addEnds(node.before, steps, ends) + addEnds(node.after, steps, ends);
    }
  }
  return count;
}

function textAt(nodes: readonly Node[], step: number, steps: number): string {
  return nodes
    .map((node) => {
      if (typeof node === "string") return node;
      if ("turns" in node) return textAt(node.turns[(step - 1) % node.turns.length]!, step, steps);
      return textAt(step <= endOf(node.when, steps) ? node.before : node.after, step, steps);
    })
    .join("");
}

/** A recursive descent over A1111's grammar; what it fails at is text. */
class Parser {
  readonly #text: string;
  readonly #found = new Map<number, { nodes: Node[]; end: number } | undefined>();

  constructor(text: string) {
    this.#text = text;
  }

  /** All of the prompt; undefined where it holds what the grammar has nothing for. */
  whole(): Node[] | undefined {
    const nodes: Node[] = [];
    for (let at = 0; at < this.#text.length; ) {
      const { nodes: more, end } = this.#prompt(at);
      nodes.push(...more);
      at = end;
      if (at === this.#text.length) break;
      if (!"[]():".includes(this.#text[at]!)) return undefined;
      nodes.push(this.#text[at]!);
      at++;
    }
    return nodes;
  }

  /** As many items as there are. */
  #prompt(start: number): { nodes: Node[]; end: number } {
    const nodes: Node[] = [];
    let at = start;
    while (at < this.#text.length) {
      plain.lastIndex = at;
      const found = plain.exec(this.#text)?.[0];
      const item = found === undefined ? this.#bracket(at) : { nodes: [found], end: at + found.length };
      if (item === undefined) break;
      nodes.push(...item.nodes);
      at = item.end;
    }
    return { nodes, end: at };
  }

  #bracket(at: number): { nodes: Node[]; end: number } | undefined {
    if (!this.#found.has(at)) this.#found.set(at, this.#text[at] === "(" ? this.#round(at) : this.#square(at));
    return this.#found.get(at);
  }

  /** `(prompt)` or `(prompt:prompt)`. */
  #round(at: number) {
    const first = this.#prompt(at + 1);
    if (this.#text[first.end] === ")") return { nodes: ["(", ...first.nodes, ")"], end: first.end + 1 };
    if (this.#text[first.end] !== ":") return undefined;
    const second = this.#prompt(first.end + 1);
    if (this.#text[second.end] !== ")") return undefined;
    return { nodes: ["(", ...first.nodes, ":", ...second.nodes, ")"], end: second.end + 1 };
  }

  /** `[before:after:when]`, `[after:when]`, `[a|b|…]` or `[prompt]`. */
  #square(at: number): { nodes: Node[]; end: number } | undefined {
    if (this.#text[at] !== "[") return undefined;
    const first = this.#prompt(at + 1);
    const sign = this.#text[first.end];
    if (sign === "]") return { nodes: ["[", ...first.nodes, "]"], end: first.end + 1 };
    if (sign === "|") return this.#turns(first);
    if (sign !== ":") return undefined;
    const second = this.#prompt(first.end + 1);
    if (this.#text[second.end] === ":") {
      const found = this.#when(second.end + 1);
      if (found) return { nodes: [{ before: first.nodes, after: second.nodes, when: found.when }], end: found.end };
    }
    const found = this.#when(first.end + 1);
    return found && { nodes: [{ before: [], after: first.nodes, when: found.when }], end: found.end };
  }

  #turns(first: { nodes: Node[]; end: number }): { nodes: Node[]; end: number } | undefined {
    const turns = [first.nodes];
    let { end } = first;
    while (this.#text[end] === "|") {
      const next = this.#prompt(end + 1);
      turns.push(next.nodes);
      end = next.end;
    }
    return this.#text[end] === "]" ? { nodes: [{ turns }], end: end + 1 } : undefined;
  }

  #when(at: number): { when: string; end: number } | undefined {
    when.lastIndex = at;
    const found = when.exec(this.#text);
    return found === null ? undefined : { when: found[1]!, end: at + found[0].length };
  }
}

const and = new RegExp(wholeWord("AND"), "u");
const weight = new RegExp(`^${pythonSpace}*([-+]?(?:\\d+\\.?|\\d*\\.\\d+))$`, "u");

/** The parts of a prompt between its ANDs, with their weights: `"a AND b :1.2"`. As A1111's `get_multicond_prompt_list`. */
export function splitAtAnd(prompt: string): { text: string; weight: number }[] {
  return prompt.split(and).map((part) => {
    const text = trimmedEnd(part);
    const colon = text.lastIndexOf(":");
    const [, found] = colon < 0 ? [] : (weight.exec(text.slice(colon + 1)) ?? []);
    return found === undefined
      ? { text, weight: 1 }
      : { text: trimmedEnd(text.slice(0, colon)), weight: Number(found) };
  });
}
