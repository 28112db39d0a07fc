import { describe, expect, it } from "vitest";
import { blocks } from "./half-blocks.ts";
import { iterm2, kitty } from "./inline-images.ts";
import { progressLine } from "./progress-view.ts";
import { fit, resize } from "./resize.ts";
import { sixels } from "./sixel.ts";

const red = [255, 0, 0];
const blue = [0, 0, 255];
const image = { width: 2, height: 2, channels: 3 as const, data: Uint8Array.from([...red, ...blue, ...blue, ...red]) };

describe("half-blocks", () => {
  it("draws two rows of pixels a line, in true colour", () => {
    const line = "\u001B[38;2;255;0;0;48;2;0;0;255m▀\u001B[38;2;0;0;255;48;2;255;0;0m▀\u001B[0m";
    expect(blocks(image, { width: 2, height: 2 }, 24)).toBe(line);
  });

  it("leaves the lower half of an odd last line clear", () => {
    expect(blocks(image, { width: 2, height: 1 }, 24)).not.toContain("48;");
  });

  it("falls back to 256 colours, and to nothing below that", () => {
    expect(blocks(image, { width: 2, height: 2 }, 8)).toContain("38;5;196;48;5;21m");
    expect(blocks(image, { width: 2, height: 2 }, 4)).toBeUndefined();
  });
});

describe("resize", () => {
  it("averages the pixels that become one", () => {
    expect([...resize(image, { width: 1, height: 1 })]).toEqual([128, 0, 128]);
  });

  it("repeats pixels when it enlarges", () => {
    expect([...resize(image, { width: 4, height: 2 })].slice(0, 12)).toEqual([...red, ...red, ...blue, ...blue]);
  });

  it("fits a picture into its room and keeps its shape", () => {
    expect(fit({ width: 512, height: 256 }, { width: 64, height: 40 })).toEqual({ width: 64, height: 32 });
    expect(fit({ width: 8, height: 8 }, { width: 64, height: 40 })).toEqual({ width: 8, height: 8 });
    expect(fit({ width: 10_000, height: 1 }, { width: 64, height: 40 })).toEqual({ width: 64, height: 1 });
  });
});

describe("image protocols", () => {
  const png = new Uint8Array(5000).fill(7);

  it("kitty: chunks of at most 4096 digits, the last with m=0", () => {
    const [first = "", second = "", rest] = kitty(png, { columns: 4, rows: 2 }).split("\u001B\\");
    expect(first.startsWith("\u001B_Ga=T,f=100,q=2,c=4,r=2,m=1;")).toBe(true);
    expect(second.startsWith("\u001B_Gq=2,m=0;")).toBe(true);
    expect(rest).toBe("");
    const digits = [first, second].map((part) => part.slice(part.indexOf(";") + 1));
    expect(digits[0]).toHaveLength(4096);
    expect(Buffer.from(digits.join(""), "base64")).toEqual(Buffer.from(png));
  });

  it("iTerm2: one escape with the file's size", () => {
    const text = iterm2(png, { columns: 4, rows: 2 });
    expect(text.startsWith("\u001B]1337;File=inline=1;size=5000;width=4;")).toBe(true);
    expect(text.endsWith("\u0007")).toBe(true);
  });

  it("sixel: a picture of about the cells' size", () => {
    const text = sixels(image, { columns: 2, rows: 1 });
    expect(text.startsWith("\u001BP")).toBe(true);
    expect(text).toContain('"1;1;20;20');
    expect(text.endsWith("\u001B\\")).toBe(true);
  });
});

describe("progressLine", () => {
  const event = { type: "progress", phase: "sample", step: 5, steps: 20, etaMs: 1500 } as const;

  it("shows phase, bar, steps and time left", () => {
    expect(progressLine(event, 80)).toBe(`sampling ${"█".repeat(10)}${"░".repeat(30)} 5/20, 1.5 s left`);
    expect(progressLine({ ...event, index: 2, etaMs: 125_000 }, 80)).toContain("picture 3: sampling");
    expect(progressLine({ ...event, etaMs: 125_000 }, 80)).toContain("2 min 5 s left");
  });

  it("never is wider than the terminal", () => {
    for (const columns of [40, 60, 200]) expect(progressLine(event, columns).length).toBeLessThan(columns);
    expect(progressLine(event, 30)).toBe("sampling 5/20, 1.5 s left");
  });

  it("shows no time left where none is known, or all is done", () => {
    const { etaMs: _, ...unknown } = event;
    expect(progressLine(unknown, 80)).toMatch(/5\/20$/);
    expect(progressLine({ ...event, step: 20 }, 80)).toMatch(/20\/20$/);
  });
});
