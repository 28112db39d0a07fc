import type { Pixels } from "@latentkit/core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { makeTerminal } from "../testing/terminal.ts";
import { LiveView } from "./live-view.ts";

const grey = (level: number, side = 4): Pixels => ({
  width: side,
  height: side,
  channels: 3,
  data: new Uint8Array(side * side * 3).fill(level),
});
const esc = "\u001B";
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));
/** Encoding takes a moment: all that was written until a picture was drawn and the cursor was put back. */
const drawn = async (take: () => string) => {
  let text = "";
  while (!text.endsWith(`${esc}8`)) {
    await settled();
    text += take();
  }
  return text;
};

/** Terminals are known by these; the tests' own must not count. */
const clues = [
  "KITTY_WINDOW_ID",
  "KITTY_PID",
  "GHOSTTY_RESOURCES_DIR",
  "WEZTERM_PANE",
  "WEZTERM_UNIX_SOCKET",
  "KONSOLE_VERSION",
  "LC_TERMINAL",
  "TERM_PROGRAM",
  "TERM_PROGRAM_VERSION",
  "TERM",
];

beforeEach(() => {
  for (const name of clues) vi.stubEnv(name, "");
});
afterEach(() => vi.unstubAllEnvs());

describe("in half-blocks", () => {
  it("draws a preview above the status, and only the status anew where only that changed", async () => {
    const { stream, take } = makeTerminal();
    const live = new LiveView(stream);
    live.status("step 1");
    live.preview(async () => grey(9));
    await settled();
    const drawn = take();
    expect(drawn.split("\n").filter((line) => line.includes("▀"))).toHaveLength(2);
    expect(drawn.lastIndexOf("▀")).toBeLessThan(drawn.lastIndexOf("step 1"));
    live.status("step 2");
    const next = take();
    expect(next).toContain("step 2");
    expect(next).not.toContain("▀");
  });

  it("is as large as the finished picture will be", async () => {
    const { stream, take } = makeTerminal();
    const live = new LiveView(stream);
    live.size = { width: 512, height: 256 };
    live.preview(async () => grey(9));
    await settled();
    const lines = take()
      .split("\n")
      .filter((line) => line.includes("▀"));
    expect(lines).toHaveLength(16);
    expect(lines[0]!.match(/▀/g)).toHaveLength(64);
  });

  it("leaves room for the status in a low terminal", async () => {
    const { stream, take } = makeTerminal({ rows: 10 });
    const live = new LiveView(stream);
    live.preview(async () => grey(9, 200));
    await settled();
    expect(
      take()
        .split("\n")
        .filter((line) => line.includes("▀")),
    ).toHaveLength(7);
  });

  it("draws the newest where several came meanwhile, and goes on after a broken one", async () => {
    const { stream, take } = makeTerminal();
    const live = new LiveView(stream);
    const first = Promise.withResolvers<Pixels>();
    const begun: number[] = [];
    live.preview(() => first.promise);
    for (const level of [20, 30, 40]) {
      live.preview(async () => {
        begun.push(level);
        return grey(level);
      });
    }
    first.reject(new Error("no picture"));
    await settled();
    expect(begun).toEqual([40]);
    expect(take()).toContain("38;2;40;40;40");
  });

  it("shows nothing of a picture that is finished meanwhile, and erases what it showed", async () => {
    const { stream, take } = makeTerminal();
    const live = new LiveView(stream);
    live.preview(async () => grey(9));
    await settled();
    const late = Promise.withResolvers<Pixels>();
    live.preview(() => late.promise);
    take();
    live.forget();
    expect(take()).toContain(`${esc}[2K`);
    late.resolve(grey(77));
    await settled();
    live.status("next");
    expect(take()).not.toContain("▀");
  });

  it("draws again below a line that stays", async () => {
    const { stream, take } = makeTerminal();
    const live = new LiveView(stream);
    live.preview(async () => grey(9));
    await settled();
    take();
    live.print("a warning");
    const text = take();
    expect(text.indexOf("a warning")).toBeLessThan(text.indexOf("▀"));
    expect(text).toContain("a warning");
  });

  it("draws nothing with too few colours", async () => {
    const { stream, take } = makeTerminal({ colorDepth: 4 });
    const live = new LiveView(stream);
    live.preview(async () => grey(9));
    await settled();
    expect(take()).toBe("");
  });
});

describe("by image protocols", () => {
  it("kitty: one number for all previews, drawn from the first empty line on, and taken away at the end", async () => {
    vi.stubEnv("KITTY_WINDOW_ID", "1");
    const { stream, take } = makeTerminal();
    const live = new LiveView(stream);
    live.status("step 1");
    live.preview(async () => grey(9));
    const text = await drawn(take);
    const start = `${esc}7${esc}[3A\r${esc}_Ga=T,f=100,q=2,i=`;
    const [number] = text.slice(text.indexOf(start) + start.length).split(",p=1,C=1,c=4,r=2,");
    expect(Number(number)).toBeGreaterThan(0);
    live.preview(async () => grey(9, 600));
    const file = Buffer.from((await drawn(take)).split(",r=21,")[1]!.split(";")[1]!.slice(0, 40), "base64");
    expect([file.readUInt32BE(16), file.readUInt32BE(20)], "width and height in the PNG").toEqual([256, 256]);
    live.close();
    expect(take()).toContain(`${esc}_Ga=d,d=I,i=${number},`);
  });

  it.each([
    ["vscode", "TERM_PROGRAM", `${esc}]1337;File=inline=1`],
    ["mlterm", "TERM", `${esc}P`],
  ])("%s: over empty lines, with the cursor put back", async (program, variable, start) => {
    vi.stubEnv(variable, program);
    vi.stubEnv("TERM_PROGRAM_VERSION", "9.9.9");
    const { stream, take } = makeTerminal();
    const live = new LiveView(stream);
    live.preview(async () => grey(9));
    const text = await drawn(take);
    expect(text).toContain(`${esc}7${esc}[3A\r${start}`);
    expect(text).not.toContain("▀");
  });
});
