import type { GenerationRequest, PromptSyntax, WarningEvent } from "@latentkit/core";
import { invalidField } from "../invalid-field.ts";
import { a1111Segments } from "./a1111-attention.ts";
import { maxScheduled, promptSchedule, type ScheduledText, scheduledAt, splitAtAnd } from "./a1111-schedule.ts";
import { syntaxWarnings } from "./syntax-warnings.ts";

/** Texts that are encoded together. A1111 brings back the mean of all that one prompt becomes in the course of the steps. */
export interface TextGroup {
  /** Field of the request. */
  field: string;
  /** Whether it is the negative prompt's. */
  negative: boolean;
  texts: readonly string[];
  /** How often each of the texts occurs in the schedule. */
  counts: readonly number[];
  /** Weight of all of the text, beside what its signs say. */
  weight: number;
}

/** One of a group's texts. */
export interface TextRef {
  group: number;
  text: number;
}

/** What the network attends to in one pass: the states of some texts, one after the other. */
export interface TextRow {
  negative: boolean;
  parts: readonly TextRef[];
  /** Others that it must be as long as: its last token's states are repeated, as in A1111's AND. */
  beside: readonly (readonly TextRef[])[];
}

/** What a step looks at, by places in {@link Steering.rows}. */
export interface Selection {
  /** Not there where nothing is guided. */
  uncond?: number | undefined;
  /** Predictions that add up with their weights, counted from the unconditional one. */
  conds: readonly { row: number; weight: number }[];
  /** Predictions that are averaged in. */
  more: readonly number[];
}

/** The texts of a job, and when each acts. */
export interface Steering {
  syntax: PromptSyntax;
  groups: readonly TextGroup[];
  rows: readonly TextRow[];
  /** What the network's call number `call` of an image looks at, in step `index` of its steps; both from 0. */
  at(call: number, index: number): Selection;
  /** Whether every step needs the unconditional pass, guided or not. */
  composes: boolean;
  warnings: readonly WarningEvent[];
}

/** What of a job its texts depend on. */
export interface SteeringOptions {
  /** Steps that a schedule counts. */
  steps: number;
  /** Steps that are run. */
  run: number;
  sampler: string;
  /** Whether any step looks at the unconditional pass. */
  guided: boolean;
}

/** Samplers that A1111 counts two calls of the network a step for. */
const twoCalls = new Set(["heun", "dpm_2", "dpm_2_ancestral", "dpmpp_2s_ancestral", "dpmpp_sde", "restart"]);

/** One prediction: texts whose states stand one after the other, each with its schedule. */
interface Part {
  groups: number[];
  weight: number;
  window?: readonly [from: number, to: number];
}

/**
 * Reads a request's texts: which there are to encode, and which of them each step looks at.
 *
 * @throws InvalidRequestError for a weight that is no number.
 */
export function steeringOf(request: GenerationRequest, options: SteeringOptions): Steering {
  const syntax = ("promptSyntax" in request ? request.promptSyntax : undefined) ?? "plain";
  const calls = options.steps * (twoCalls.has(options.sampler) ? 2 : 1);
  const groups: TextGroup[] = [];
  const schedules: { ends: readonly ScheduledText[]; texts: readonly number[] }[] = [];
  const add = (field: string, text: string, negative = false, weight = 1): number => {
    if (syntax !== "plain") requireShallow(field, text);
    const ends = syntax === "a1111" ? scheduleOf(field, text, calls) : [{ until: calls, text }];
    const places = new Map<string, number>();
    for (const each of ends) if (!places.has(each.text)) places.set(each.text, places.size);
    const texts = [...places.keys()];
    if (syntax === "a1111") requireWeights(field, texts);
    const counts = texts.map(() => 0);
    for (const each of ends) counts[places.get(each.text)!]!++;
    schedules.push({ ends, texts: ends.map((each) => places.get(each.text)!) });
    return groups.push({ field, negative, texts, counts, weight }) - 1;
  };

  const negativePrompt = "negativePrompt" in request ? (request.negativePrompt ?? "") : "";
  const prompt = "prompt" in request ? (request.prompt ?? "") : "";
  const prompts = syntax === "a1111" ? splitAtAnd(prompt) : [{ text: prompt, weight: 1 }];
  if (prompts.length > maxPrompts)
    throw invalidField("prompt", `joins ${prompts.length} prompts by AND; at most ${maxPrompts} are taken`);
  const composes = prompts.length > 1 || prompts[0]!.weight !== 1;
  const hasUncond = options.guided || composes;
  const negative = hasUncond ? add("negativePrompt", negativePrompt, true) : undefined;
  const conds: Part[] = prompts.map(({ text, weight }) => ({ groups: [add("prompt", text)], weight }));
  const more: Part[] = [];
  for (const [i, entry] of request.conditioning.entries()) {
    if (entry.kind !== "text") continue;
    const group = add(`conditioning[${i}].prompt`, entry.prompt, false, entry.weight);
    // As ComfyUI's ConditioningConcat and, for a window, ConditioningSetTimestepRange with ConditioningCombine.
    if (entry.start === 0 && entry.end === 1) for (const part of [...conds, ...more]) part.groups.push(group);
    else more.push({ groups: [group], weight: 1, window: [entry.start, entry.end] });
  }

  const rows: TextRow[] = [];
  const places = new Map<string, number>();
  const rowOf = (row: TextRow): number => {
    const key = JSON.stringify(row);
    const place = places.get(key) ?? rows.push(row) - 1;
    places.set(key, place);
    return place;
  };
  const refsAt = (of: readonly number[], call: number): TextRef[] =>
    of.map((group) => ({ group, text: schedules[group]!.texts[scheduledAt(schedules[group]!.ends, call)]! }));
  const selections = Array.from({ length: calls + 2 }, (_, call) => {
    const uncond =
      negative === undefined ? undefined : rowOf({ negative: true, parts: refsAt([negative], call), beside: [] });
    const parts = conds.map((part) => refsAt(part.groups, call));
    const beside = parts.length > 1 ? parts : [];
    return {
      uncond,
      conds: parts.map((each, i) => ({
        row: rowOf({ negative: false, parts: each, beside }),
        weight: conds[i]!.weight,
      })),
      windows: more.map(({ groups: of, window }) => ({
        row: rowOf({ negative: false, parts: refsAt(of, call), beside: [] }),
        window: window!,
      })),
    };
  });

  const acts = ([from, to]: readonly [number, number], index: number) =>
    index >= Math.floor(from * options.run) && index < Math.floor(to * options.run);
  return {
    syntax,
    groups,
    rows,
    at(call, index) {
      const { uncond, conds: each, windows } = selections[Math.min(call, calls + 1)]!;
      return { uncond, conds: each, more: windows.filter(({ window }) => acts(window, index)).map(({ row }) => row) };
    },
    composes,
    warnings: syntaxWarnings(syntax, groups),
  };
}

/** Prompts joined by AND: each is a pass of the network in every step. */
const maxPrompts = 32;
const maxDepth = 100;

/** Every text that differs is encoded and held: a prompt that becomes a thousand long ones would take all memory. */
function scheduleOf(field: string, text: string, calls: number): readonly ScheduledText[] {
  const schedule = promptSchedule(text, calls);
  if (schedule !== undefined) return schedule;
  const { characters } = maxScheduled;
  const message = `its [from:to:when] and [a|b] make too much text over ${calls} steps: all that differ may have ${characters} characters; use fewer of them, a shorter prompt or fewer steps`;
  throw invalidField(field, message);
}

/** No prompt that means something nests its brackets any deeper; both programs end in an error where they go much deeper. */
function requireShallow(field: string, text: string): void {
  // Each kind by itself: to A1111 a bracket that another kind closes stays open, and weighs all that follows.
  let [round, square] = [0, 0];
  for (const sign of text) {
    if (sign === "(") round++;
    else if (sign === "[") square++;
    else if (sign === ")") round = Math.max(0, round - 1);
    else if (sign === "]") square = Math.max(0, square - 1);
    if (round + square <= maxDepth) continue;
    throw invalidField(field, `nests brackets more than ${maxDepth} deep`);
  }
}

/** A1111 ends in an error where a weight is no number. */
function requireWeights(field: string, texts: readonly string[]): void {
  if (texts.every((text) => a1111Segments(text) !== undefined)) return;
  const message = "has a weight that is no number, such as (word:1.2.3); write (word:1.2), or \\( and \\) for brackets";
  throw invalidField(field, message);
}
