import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { barLine } from "./batch/batch-bar.ts";
import { end, makeFolder, removeFolder, run, start } from "./testing/latentkit.ts";

let folder: string;
beforeEach(async () => {
  folder = await makeFolder();
});
afterEach(() => removeFolder(folder));

const lines = (requests: readonly unknown[]) =>
  writeFile(
    join(folder, "in.jsonl"),
    `${requests.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join("\n")}\n`,
  );
const parsed = (stdout: string) =>
  stdout
    .trim()
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
const pngs = async () => (await readdir(join(folder, "out"))).filter((name) => name.endsWith(".png")).sort();
const size = { width: 16, height: 16 };

describe("latentkit batch", () => {
  it("draws each line, tells each as a JSON line, and draws nothing twice", async () => {
    await lines([{ prompt: "a", seed: 1, ...size }, "", { id: "fox", prompt: "b", seed: 2, ...size }]);
    const args = ["batch", "in.jsonl", "--out", "out", "--concurrency", "2"];
    const { code, stdout, stderr } = await run(args, folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(parsed(stdout).sort((a, b) => a.line - b.line)).toEqual([
      {
        line: 1,
        id: expect.stringMatching(/^[0-9a-f]{16}$/),
        status: "done",
        images: [{ path: expect.any(String), seed: 1 }],
      },
      { line: 3, id: "fox", status: "done", images: [{ path: join("out", "00001-fox.png"), seed: 2 }] },
    ]);
    const again = parsed((await run(args, folder)).stdout);
    expect(again.map(({ status }) => status)).toEqual(["skipped", "skipped"]);
    expect(await pngs()).toHaveLength(2);
  });

  it("goes on after kill -9 where it was, with nothing drawn twice and no half files", async () => {
    await lines(Array.from({ length: 40 }, (_, seed) => ({ prompt: "a", seed, steps: 8, ...size })));
    const args = ["batch", "in.jsonl", "--out", "out", "--concurrency", "3"];
    const child = start(args, folder);
    const ended = end(child);
    while (!existsSync(join(folder, "out")) || (await pngs()).length < 8)
      await new Promise((resolve) => setTimeout(resolve, 10));
    child.kill("SIGKILL");
    const before = parsed((await ended).stdout.replace(/[^\n]*$/, ""));
    const drawn = (await pngs()).length;
    expect(drawn).toBeLessThan(40);
    const { code, stdout } = await run(args, folder);
    expect(code).toBe(0);
    const after = parsed(stdout);
    const skipped = after.filter(({ status }) => status === "skipped");
    expect(after).toHaveLength(40);
    expect(skipped.length).toBeGreaterThanOrEqual(before.length);
    expect(skipped.length).toBe(drawn);
    expect(await pngs()).toHaveLength(40);
    expect((await readdir(join(folder, "out"))).filter((name) => /\.tmp$|\.lock$/.test(name))).toEqual([]);
  });

  it("names the line that is no request, and goes on with --keep-going", async () => {
    await lines([{ prompt: "a", ...size }, "{broken", { prompt: "b", steps: -1 }, [1], { prompt: "c", ...size }]);
    const stopped = await run(["batch", "in.jsonl", "--out", "out"], folder);
    expect(stopped.code).toBe(2);
    expect(stopped.stderr).toMatch(
      /^latentkit: line 2: is no JSON: .+\nlatentkit: 1 drawn, 0 done before, 1 failed; run it again/,
    );
    const { code, stdout, stderr } = await run(["batch", "in.jsonl", "--out", "out", "--keep-going"], folder);
    expect(code).toBe(1);
    expect(
      parsed(stdout)
        .map(({ line, status }) => [line, status])
        .sort(),
    ).toEqual([
      [1, "skipped"],
      [2, "failed"],
      [3, "failed"],
      [4, "failed"],
      [5, "done"],
    ]);
    expect(stderr).toMatch(/line 3: .*steps/);
  });

  it("fills templates from lists and variables by the line's seed, and sets fields", async () => {
    await lines([{ prompt: "a {red|blue} __bird__ in $\u007Bplace}", seed: 3, ...size }]);
    await writeFile(join(folder, "bird.txt"), "owl\n");
    const args = ["batch", "in.jsonl", "--out", "out", "--wildcards", ".", "--var", "place=snow", "--set", "steps=2"];
    expect((await run(args, folder)).code).toBe(0);
    const { stdout } = await run(["recipe", join("out", (await pngs())[0]!)], folder);
    expect(JSON.parse(stdout).request).toMatchObject({
      prompt: expect.stringMatching(/^a (red|blue) owl in snow$/),
      steps: 2,
    });
    expect((await run([...args, "--var", "wrong"], folder)).stderr).toMatch(/--var: must be name=value/);
  });

  it("refuses a file that is not there, and a manifest that is none", async () => {
    expect(await run(["batch", "none.jsonl"], folder)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/ENOENT/),
    });
    await lines([{ prompt: "a", ...size }]);
    await writeFile(join(folder, "other.json"), "{}\n");
    const { code, stderr } = await run(["batch", "in.jsonl", "--manifest", "other.json"], folder);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/other\.json is no manifest of a batch: name another file\.\n/),
    });
    expect(await readFile(join(folder, "other.json"), "utf8")).toBe("{}\n");
  });

  it("shows a bar with counts, pace and time left", () => {
    const at = { total: 100, ms: 10_000, columns: 80 };
    expect(barLine({ done: 20, failed: 1, skipped: 29 }, at)).toMatch(
      /^█+░+ 50\/100, 29 before, 1 failed, 2\.1\/s, 24 s left$/,
    );
    expect(barLine({ done: 0, failed: 0, skipped: 0 }, { ...at, total: undefined })).toBe("0");
    expect(barLine({ done: 20, failed: 0, skipped: 0 }, { ...at, columns: 20 }).length).toBeLessThanOrEqual(20);
  });
});

describe("latentkit sweep", () => {
  it("draws every combination and its sheets", async () => {
    const args = [
      "sweep",
      "a",
      "fox",
      "--set",
      "width=16",
      "--set",
      "height=16",
      "--vary",
      "steps=1,2",
      "--vary",
      "sampler=euler",
    ];
    const { code, stdout, stderr } = await run([...args, "--out", "out"], folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(["sheet.png", "sheet.html", "sweep.jsonl"].map((name) => `${join("out", name)}\n`).join(""));
    expect(await pngs()).toEqual(["0000-steps-1-sampler-euler.png", "0001-steps-2-sampler-euler.png", "sheet.png"]);
    expect(await readFile(join(folder, "out", "sheet.html"), "utf8")).toContain('src="0001-steps-2-sampler-euler.png"');
    const cells = parsed(await readFile(join(folder, "out", "sweep.jsonl"), "utf8"));
    expect(cells[1]).toMatchObject({
      values: { steps: 2, sampler: "euler" },
      recipe: { request: { prompt: "a fox", seed: 0, steps: 2 } },
    });
  });

  it("keeps what could be drawn, and refuses what varies nothing", async () => {
    const some = await run(["sweep", "a", "--vary", "sampler=euler,none", "--out", "out", "--json"], folder);
    expect(some.code).toBe(1);
    expect(JSON.parse(some.stdout).cells[1].error).toMatch(/sampler: "none" is not possible here/);
    expect(await run(["sweep", "a"], folder)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/varies the fields/),
    });
    expect((await run(["sweep", "a", "--vary", "steps"], folder)).stderr).toMatch(/--vary: must be field=value/);
  });
});
