import { describe, expect, it } from "vitest";
import { byName, drawOf, expandPrompt, fillName } from "./prompt-text.ts";

describe("expandPrompt", () => {
  it.each([
    ["leaves plain words", "a fox, (red:1.2)", "a fox, (red:1.2)"],
    ["draws one of several", "a {red|blue} fox", "a red fox"],
    ["draws within what it drew", "a {{dark |light }red|blue} fox", "a dark red fox"],
    ["takes a group of one as it is", "a {red} fox", "a red fox"],
    ["keeps signs that are meant", "a \\{red\\|blue\\} fox", "a {red|blue} fox"],
    ["drops comments", "a fox /* or\na hare */in grass // later\nat dawn", "a fox in grass \nat dawn"],
    ["takes a group without an end to the end", "a {red|blue", "a red"],
    ["keeps other backslashes", "a\\b\\", "a\\b\\"],
  ])("%s", (_, prompt, expanded) => {
    expect(expandPrompt(prompt, () => 0)).toBe(expanded);
  });

  it.each([
    ["/* a /*/ b", " b"],
    ["/* a /* b // c\nd", "/* a /* b \nd"],
    ["a / b /", "a / b /"],
    ["https://x/y", "https:"],
    ["a//b\u2028c", "a\u2028c"],
  ])("drops of %j what C would", (prompt, expanded) => {
    expect(expandPrompt(prompt, () => 0)).toBe(expanded);
  });

  it("reads strangers' prompts in one go, and refuses braces that nest without end", () => {
    expect(expandPrompt("/* ".repeat(300_000), () => 0)).toHaveLength(900_000);
    expect(() => expandPrompt("{".repeat(100_000), () => 0)).toThrow("nests braces more than 100 deep");
  });

  it("draws the same by the same seed, and each in turn", () => {
    const drawn = (seed: number) => {
      const draw = drawOf(seed);
      return Array.from({ length: 40 }, () => expandPrompt("{a|b|c}", draw)).join("");
    };
    expect(drawn(7)).toBe(drawn(7));
    expect(drawn(7)).not.toBe(drawn(8));
    expect(new Set(drawn(7))).toEqual(new Set(["a", "b", "c"]));
  });
});

describe("fillName", () => {
  const node = (title: string, alias: string | undefined, values: Record<string, unknown>) => ({
    title,
    alias,
    value: (name: string) => (name in values ? { value: values[name] } : undefined),
  });
  const nodes = [node("Other", "KSampler", { seed: 7, path: "a/b:c" }), node("KSampler", undefined, { seed: 8 })];
  const now = new Date(2026, 2, 5, 4, 3, 2);

  it.each([
    ["%date:yyyy-MM-dd hh.mm.ss%", "2026-03-05 04.03.02"],
    ["%date:yy/M/d%", "26/3/5"],
    ["%KSampler.seed%", "7"],
    ["%Other.path%", "a_b_c"],
    ["%width%x%height%_%Nobody.seed%_%KSampler.none%", "%width%x%height%_%Nobody.seed%_%KSampler.none%"],
  ])("%s becomes %s", (text, filled) => {
    expect(fillName(text, byName(nodes), now)).toBe(filled);
  });

  it("looks each node up once, however many patterns a stranger's file has", () => {
    let looks = 0;
    const many = Array.from({ length: 1000 }, (_, i) => ({
      get title() {
        looks++;
        return `node ${i}`;
      },
      alias: undefined,
      value: () => ({ value: "" }),
    }));
    expect(fillName("%node 999.x%".repeat(1000), byName(many), now)).toBe("");
    expect(looks).toBe(1000);
  });

  it("refuses a name that grows beyond any", () => {
    const long = byName([node("A", undefined, { text: "x".repeat(5000) })]);
    expect(fillName("%A.text%", long, now)).toHaveLength(5000);
    expect(() => fillName("%A.text%".repeat(1000), long, now)).toThrow("longer than 8192 letters");
    expect(() => fillName(`%date:${"yyyy".repeat(10_000)}%`, long, now)).toThrow("longer than 8192 letters");
  });
});
