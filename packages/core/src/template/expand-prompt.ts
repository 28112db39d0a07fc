import { createHash } from "node:crypto";
import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import { type Node, parseTemplate } from "./parse-template.ts";

/** What a template's parts stand for. */
export interface TemplateOptions {
  /** Decides the choices: equal seeds choose alike. Default 0. */
  seed?: number | string | bigint;
  /** Values of `${name}`. */
  variables?: Readonly<Record<string, string>>;
  /** Lists of `__name__`, of which one entry is chosen; entries may be templates themselves. */
  wildcards?: Readonly<Record<string, readonly string[]>>;
}

const mostDeep = 20;
const mostCombinations = 100_000;

/**
 * A prompt out of a template: `{red|blue}` chooses one, `{2::red|blue}` red twice as often, `__colors__` one line of a list, and `${name}`
 * is a variable. They may stand inside each other. `\{` is a brace. The same seed gives the same prompt, on every machine.
 *
 * @throws InvalidRequestError for an unclosed brace, and an unknown variable or list.
 */
export function expandPrompt(template: string, options: TemplateOptions = {}): string {
  const { seed = 0 } = options;
  let draws = 0;
  // A hash of seed and place: no generator's state, so that a choice does not change with what another machine has.
  const random = () => {
    const bytes = createHash("sha256").update(`${seed}/${draws++}`).digest();
    return bytes.readUIntBE(0, 6) / 2 ** 48;
  };
  const pick = (options: readonly { weight: number; node: Node }[]) => {
    const total = options.reduce((sum, { weight }) => sum + weight, 0);
    let at = random() * total;
    for (const option of options) {
      at -= option.weight;
      if (at < 0) return option.node;
    }
    return options.at(-1)!.node;
  };
  const write = (node: Node, depth: number): string => {
    if (depth > mostDeep) throw invalid("its lists name each other in a circle");
    switch (node.kind) {
      case "text":
        return node.text;
      case "all":
        return node.parts.map((part) => write(part, depth)).join("");
      case "choice":
        return write(pick(node.options), depth);
      case "variable":
        return variableOf(node.name, options);
      case "list": {
        const entries = listOf(node.name, options);
        const entry = entries[Math.floor(random() * entries.length)]!;
        return write(parseTemplate(entry), depth + 1);
      }
    }
  };
  return write(parseTemplate(template), 0);
}

/**
 * Every prompt that a template can give, in their order.
 *
 * @throws InvalidRequestError as {@link expandPrompt} does, and for more than 100,000.
 */
export function allPrompts(template: string, options: Omit<TemplateOptions, "seed"> = {}): string[] {
  const all = (node: Node, depth: number): string[] => {
    if (depth > mostDeep) throw invalid("its lists name each other in a circle");
    switch (node.kind) {
      case "text":
        return [node.text];
      case "variable":
        return [variableOf(node.name, options)];
      case "choice":
        return together(node.options, (option) => all(option.node, depth));
      case "list":
        return together(listOf(node.name, options), (entry) => all(parseTemplate(entry), depth + 1));
      case "all":
        return node.parts.reduce<string[]>(
          (heads, part) => {
            const tails = all(part, depth);
            if (heads.length * tails.length > mostCombinations) throw tooMany();
            return heads.flatMap((head) => tails.map((tail) => head + tail));
          },
          [""],
        );
    }
  };
  return all(parseTemplate(template), 0);
}

/** All prompts of all parts; no more are made than may be had. */
function together<T>(parts: readonly T[], promptsOf: (part: T) => readonly string[]): string[] {
  const all: string[] = [];
  for (const part of parts) {
    for (const prompt of promptsOf(part)) if (all.push(prompt) > mostCombinations) throw tooMany();
  }
  return all;
}

function variableOf(name: string, { variables = {} }: TemplateOptions): string {
  if (Object.hasOwn(variables, name)) return variables[name]!;
  throw invalid(`there is no variable "${name}"; there are: ${Object.keys(variables).join(", ") || "none"}`);
}

function listOf(name: string, { wildcards = {} }: TemplateOptions): readonly string[] {
  const list = Object.hasOwn(wildcards, name) ? wildcards[name]! : undefined;
  if (list === undefined)
    throw invalid(`there is no list "${name}"; there are: ${Object.keys(wildcards).join(", ") || "none"}`);
  if (list.length === 0) throw invalid(`the list "${name}" is empty`);
  return list;
}

function tooMany(): InvalidRequestError {
  return invalid(`it has more than ${mostCombinations} prompts`);
}

function invalid(message: string): InvalidRequestError {
  return new InvalidRequestError([{ field: "prompt", message: `as a template: ${message}` }]);
}
