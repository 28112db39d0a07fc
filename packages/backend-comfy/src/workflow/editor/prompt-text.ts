import { ConfigError } from "@latentkit/core";
import { comfyDetails } from "../../comfy-error.ts";

/** Where choices in prompts are drawn from: a number from 0 to 1, and a new one each time. */
export type Draw = () => number;

/** Numbers of a seed, the same each time (mulberry32). */
export function drawOf(seed: number): Draw {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A prompt as the editor sends it: without C's comments, one of each `{a|b}` drawn (within one another, too), and
 * `\{`, `\}`, `\|` as the bare signs.
 *
 * @throws ConfigError for one that nests braces deeper than anybody reads; the editor ends in an error far beyond that.
 */
export function expandPrompt(prompt: string, draw: Draw): string {
  const text = withoutComments(prompt);
  requireShallow(text);
  let expanded = "";
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]!;
    if (sign === "\\") expanded += `\\${text[++at] ?? ""}`;
    else if (sign !== "{") expanded += sign;
    else {
      const { options, end } = readOptions(text, at + 1);
      expanded += expandPrompt(options[Math.floor(draw() * options.length)]!, draw);
      at = end;
    }
  }
  return expanded.replace(/\\([{}|])/g, "$1");
}

const maxDepth = 100;

/** Each level is read again from its beginning. */
function requireShallow(text: string): void {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (sign === "\\") at++;
    else if (sign === "{") depth++;
    else if (sign === "}" && depth > 0) depth--;
    if (depth > maxDepth)
      throw new ConfigError(`A prompt of the workflow nests braces more than ${maxDepth} deep.`, comfyDetails());
  }
}

const lineEnd = /[\n\r\u2028\u2029]/g;

/** A text without C's comments. An expression for them would read to the end again for each that is never closed. */
function withoutComments(text: string): string {
  let [kept, from, canClose] = ["", 0, true];
  for (let at = text.indexOf("/"); at >= 0; at = text.indexOf("/", at)) {
    const sign = text[at + 1];
    const close = sign === "*" && canClose ? text.indexOf("*/", at + 2) : -1;
    if (sign === "*") canClose &&= close >= 0;
    if (close < 0 && sign !== "/") {
      at++;
      continue;
    }
    lineEnd.lastIndex = at;
    const end = close < 0 ? (lineEnd.exec(text)?.index ?? text.length) : close + 2;
    kept += text.slice(from, at);
    from = at = end;
  }
  return kept + text.slice(from);
}

/** The options of a group that begins at a place, and where it ends; one that is never closed goes to the end. */
function readOptions(text: string, start: number): { options: string[]; end: number } {
  const options = [""];
  let depth = 0;
  let at = start;
  for (; at < text.length; at++) {
    let sign = text[at]!;
    if (sign === "\\") sign += text[++at] ?? "";
    else if (sign === "{") depth++;
    else if (sign === "}" && depth-- === 0) break;
    else if (sign === "|" && depth === 0) {
      options.push("");
      continue;
    }
    options[options.length - 1] += sign;
  }
  return { options, end: at };
}

/** Nodes that a pattern such as `%KSampler.seed%` can name. */
export interface Named {
  title: string;
  /** The name that the editor gives a node for this. */
  alias: unknown;
  value(widget: string): { value: unknown } | undefined;
}

/** Nodes by what a pattern may call them: by their alias, or else by their title; of several the first. */
export function byName(nodes: readonly Named[]): ReadonlyMap<unknown, Named> {
  const titles = nodes.map((node): [unknown, Named] => [node.title, node]);
  const aliases = nodes.map((node): [unknown, Named] => [node.alias, node]);
  // Of one key a map keeps the last.
  return new Map([...titles.reverse(), ...aliases.reverse()]);
}

/** As many letters may come in the place of patterns: no system's names are longer. */
const longestFilled = 8192;

/**
 * A name of files as the editor sends it: with `%date:yyyy-MM-dd%` and `%Node.widget%` filled in; others stay.
 *
 * @throws ConfigError where more is filled in than any name has room for.
 */
export function fillName(text: string, nodes: ReadonlyMap<unknown, Named>, now: Date): string {
  let left = longestFilled;
  const filled = (value: string) => {
    left -= value.length;
    if (left >= 0) return value;
    throw new ConfigError(
      `A name of files of the workflow becomes longer than ${longestFilled} letters once its %patterns% are filled in.`,
      comfyDetails(),
    );
  };
  return text.replace(/%([^%]+)%/g, (whole, pattern: string) => {
    const parts = pattern.split(".", 3);
    if (parts.length !== 2) return pattern.startsWith("date:") ? filled(formatDate(pattern.slice(5), now)) : whole;
    const [name, widget] = parts as [string, string];
    const found = nodes.get(name)?.value(widget);
    if (found === undefined) return whole;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they cannot stand in a file's name
    return filled(String(found.value ?? "").replace(/[/?<>\\:*|"\x00-\x1F\x7F]/g, "_"));
  });
}

/** `yyyy`, `MM`, `dd`, `hh`, `mm`, `ss` and their short forms, in local time. */
function formatDate(pattern: string, date: Date): string {
  const parts: Record<string, number> = {
    d: date.getDate(),
    M: date.getMonth() + 1,
    h: date.getHours(),
    m: date.getMinutes(),
    s: date.getSeconds(),
  };
  return pattern.replace(/d{1,2}|M{1,2}|h{1,2}|m{1,2}|s{1,2}|y{2,4}/g, (run) => {
    if (run.startsWith("y")) {
      const year = String(date.getFullYear());
      return run.length === 2 ? year.slice(-2) : run.length === 4 ? year : run;
    }
    return String(parts[run[0]!]).padStart(run.length, "0");
  });
}
