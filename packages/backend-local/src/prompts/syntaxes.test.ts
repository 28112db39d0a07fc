import { readFile } from "node:fs/promises";
import { parseRequest } from "@latentkit/core";
import { expect, test } from "vitest";
import { a1111Segments } from "./a1111-attention.ts";
import { promptSchedule, scheduledAt, splitAtAnd } from "./a1111-schedule.ts";
import { comfySegments } from "./comfy-weights.ts";
import type { Segment } from "./segment.ts";
import { steeringOf } from "./steering.ts";

// What A1111's and ComfyUI's own code makes of these prompts: tools/oracle/prompt_syntaxes.py.
interface Case {
  prompt: string;
  steps: number;
  attention: [string, number][] | null;
  schedule: [number, string][];
  and: [string, number][];
  comfy: [string, number][];
}
const file = new URL("../../fixtures/prompts/parsed.json", import.meta.url);
const cases: Case[] = JSON.parse(await readFile(file, "utf8"));
const pairs = (segments: readonly Segment[] | undefined) => segments?.map(({ text, weight }) => [text, weight]) ?? null;

test("brackets weigh as A1111's", () => {
  const found = cases.map(({ prompt }) => ({ prompt, attention: pairs(a1111Segments(prompt)) }));
  expect(found).toEqual(cases.map(({ prompt, attention }) => ({ prompt, attention })));
});

test("brackets weigh as ComfyUI's", () => {
  const found = cases.map(({ prompt }) => ({ prompt, comfy: pairs(comfySegments(prompt)) }));
  expect(found).toEqual(cases.map(({ prompt, comfy }) => ({ prompt, comfy })));
});

test("prompt editing and alternation go by A1111's schedule", () => {
  const found = cases.map(({ prompt, steps }) => ({
    prompt,
    schedule: promptSchedule(prompt, steps)!.map(({ until, text }) => [until, text]),
  }));
  expect(found).toEqual(cases.map(({ prompt, schedule }) => ({ prompt, schedule })));
});

test("AND takes a prompt apart as A1111's", () => {
  const found = cases.map(({ prompt }) => ({ prompt, and: pairs(splitAtAnd(prompt)) }));
  expect(found).toEqual(cases.map(({ prompt, and }) => ({ prompt, and })));
});

// With work that grows with the square of the length this would not end in the time that a test has.
test("long prompts of blanks and digits are read in one go", () => {
  const blanks = " ".repeat(500_000);
  expect(a1111Segments(`a${blanks}b`)).toHaveLength(1);
  expect(splitAtAnd(`a${blanks}b`)).toHaveLength(1);
  expect(promptSchedule(`[a${blanks}:${blanks}b`, 20)).toHaveLength(1);
  expect(comfySegments(`(a:${"1".repeat(500_000)}x)`)).toHaveLength(1);
});

test("brackets that another kind closes stay open to A1111, and are counted so", () => {
  const read = (prompt: string) =>
    steeringOf(parseRequest({ prompt, promptSyntax: "a1111" }), { steps: 1, run: 1, sampler: "euler", guided: true });
  for (const hostile of ["(]".repeat(200), "[)".repeat(200)]) expect(() => read(hostile)).toThrow(/nests brackets/);
  read("(a] ".repeat(90));
});

test("what a schedule makes is bounded, and told", () => {
  const turns = `[${Array.from({ length: 1000 }, (_, i) => i).join("|")}]`;
  const read = (prompt: string) =>
    steeringOf(parseRequest({ prompt, promptSyntax: "a1111" }), {
      steps: 1000,
      run: 1000,
      sampler: "euler",
      guided: true,
    });
  expect(read(turns).groups[1]!.texts).toHaveLength(1000);
  expect(read(`${"[".repeat(99)}a${"|b]".repeat(99)}`).groups[1]!.texts).toHaveLength(2);
  for (const hostile of [`${"word ".repeat(4000)}${turns}`, "[a|b]".repeat(6000), "(a AND [b|c])".repeat(1000)])
    expect(() => read(hostile)).toThrow(/prompt: (its \[from:to:when\]|joins \d+ prompts by AND)/);
});

test("a step looks at the text that A1111's step counter finds", () => {
  const schedule = promptSchedule("a [b:c:3]", 10)!;
  // Its counter begins at 0, its steps at 1; past the end it finds the first.
  expect([0, 3, 4, 10, 11].map((step) => schedule[scheduledAt(schedule, step)]!.text)).toEqual([
    "a b",
    "a b",
    "a c",
    "a c",
    "a b",
  ]);
});
