import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readRecipe } from "@latentkit/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { end, makeFolder, removeFolder, run, start } from "./testing/latentkit.ts";

let folder: string;
beforeEach(async () => {
  folder = await makeFolder();
});
afterEach(() => removeFolder(folder));

const pngs = async (where = folder) => (await readdir(where)).filter((name) => name.endsWith(".png")).sort();

describe("latentkit generate", () => {
  it("writes one picture and prints its path, and nothing else where there is no terminal", async () => {
    const { code, stdout, stderr } = await run(["generate", "--prompt", "a fox", "--seed", "7"], folder);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "a-fox-7.png\n", stderr: "" });
    expect((await readRecipe(join(folder, "a-fox-7.png"))).request).toMatchObject({ prompt: "a fox", seed: 7 });
    expect(await readFile(join(folder, "disposed.txt"), "utf8")).toBe("running 0");
  });

  it("prints exactly one JSON object with --json", async () => {
    const flags = ["--width", "24", "--height", "16", "--negative", "n", "--guidance", "3.5", "--steps", "2"];
    const named = ["--sampler", "euler", "--scheduler", "normal", "--count", "2", "--seed", "18446744073709551615"];
    const { code, stdout, stderr } = await run(
      ["generate", "--prompt", "x", "--json", "--out", "new/deep folder", ...flags, ...named],
      folder,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { images, recipe, timings, warnings, ...rest } = JSON.parse(stdout);
    expect(images).toEqual([
      {
        path: join("new/deep folder", "x-18446744073709551615.png"),
        seed: "18446744073709551615",
        width: 24,
        height: 16,
        mediaType: "image/png",
      },
      { path: join("new/deep folder", "x-0.png"), seed: 0, width: 24, height: 16, mediaType: "image/png" },
    ]);
    expect(recipe).toMatchObject({
      latentkit: "recipe",
      request: {
        task: "text-to-image",
        prompt: "x",
        negativePrompt: "n",
        guidanceScale: 3.5,
        steps: 2,
        sampler: "euler",
        scheduler: "normal",
        count: 2,
      },
    });
    expect(timings.totalMs).toBeGreaterThan(0);
    expect(warnings).toEqual([]);
    expect(rest).toEqual({});
    expect(await pngs(join(folder, "new/deep folder"))).toHaveLength(2);
  });

  it("takes prompts in any script, and paths with spaces, dashes and quotes", async () => {
    const prompt = 'ein "Café" in 東京 🦊 / ..\\';
    const out = "-odd 'name' 東京.png";
    const { code, stdout } = await run(["generate", "--prompt", prompt, "--out", out], folder);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${out}\n` });
    expect((await readRecipe(join(folder, out))).request).toMatchObject({ prompt });
    const { stdout: named } = await run(["generate", "--prompt", prompt, "--seed", "1"], folder);
    expect(named).toBe("ein-café-in-東京-1.png\n");
  });

  it("replaces a file that --out names, and never one that it named itself", async () => {
    await writeFile(join(folder, "named.png"), "old");
    await writeFile(join(folder, "x-1.png"), "old");
    await run(["generate", "--prompt", "x", "--seed", "1", "--out", "named.png"], folder);
    expect((await readRecipe(join(folder, "named.png"))).request.seed).toBe(1);
    const { stdout } = await run(["generate", "--prompt", "x", "--seed", "1"], folder);
    expect(stdout).toBe("x-1-2.png\n");
    expect(await readFile(join(folder, "x-1.png"), "utf8")).toBe("old");
  });

  it("makes a picture again from its recipe, and with one setting changed", async () => {
    await run(["generate", "--prompt", "x", "--seed", "5", "--width", "32", "--out", "a.png"], folder);
    await run(["generate", "--recipe", "a.png", "--out", "b.png"], folder);
    expect(await readFile(join(folder, "b.png"))).toEqual(await readFile(join(folder, "a.png")));
    const { stdout } = await run(["generate", "--recipe", "a.png", "--seed", "6", "--out", "c.png", "--json"], folder);
    expect((await readRecipe(join(folder, "c.png"))).request).toMatchObject({ prompt: "x", seed: 6, width: 32 });
    await writeFile(join(folder, "printed.json"), stdout);
    await run(["generate", "--recipe", "printed.json", "--out", "d.png"], folder);
    expect(await readFile(join(folder, "d.png"))).toEqual(await readFile(join(folder, "c.png")));
  });

  it("writes a picture once that comes again, as from a pool that lost a server", async () => {
    const path = join(folder, "latentkit.config.ts");
    const twice = `
const { generate } = backend;
backend.generate = async function* (request, options) {
  for await (const event of generate(request, options)) {
    yield event;
    if (event.type === "image") yield event;
  }
};
export default`;
    await writeFile(path, (await readFile(path, "utf8")).replace("export default", twice));
    const flags = ["--prompt", "a fox", "--seed", "7", "--count", "2"];
    const { code, stdout } = await run(["generate", ...flags, "--out", "foxes"], folder);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "foxes/a-fox-7.png\nfoxes/a-fox-8.png\n" });
    expect(await pngs(join(folder, "foxes"))).toEqual(["a-fox-7.png", "a-fox-8.png"]);
  });

  it("keeps every picture where the configuration asks for more than --out names", async () => {
    const config = await readFile(join(folder, "latentkit.config.ts"), "utf8");
    await writeFile(
      join(folder, "latentkit.config.ts"),
      config.replace("{ backend }", "{ backend, defaults: { count: 2 } }"),
    );
    const { stdout } = await run(["generate", "--prompt", "x", "--seed", "1", "--out", "a.png"], folder);
    expect(stdout).toBe("a.png\na-2.png\n");
  });

  it("writes JPEG and WebP by the name's ending", async () => {
    const { stdout } = await run(["generate", "--prompt", "x", "--out", "a.webp", "--json"], folder);
    expect(JSON.parse(stdout).images[0]).toMatchObject({ path: "a.webp", mediaType: "image/webp" });
    expect((await readFile(join(folder, "a.webp"))).subarray(8, 12).toString()).toBe("WEBP");
  });

  it("fails with 1 when nothing could be made", async () => {
    const { code, stdout, stderr } = await run(["generate", "--prompt", "fail", "--json"], folder);
    expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: "", stderr: "latentkit: Picture 0 failed.\n" });
    expect(existsSync(join(folder, "disposed.txt"))).toBe(true);
  });

  it("keeps what was made and exits 1 when one picture of several fails", async () => {
    const { code, stdout, stderr } = await run(
      ["generate", "--prompt", "half", "--count", "3", "--seed", "0", "--json"],
      folder,
    );
    expect(code).toBe(1);
    expect(JSON.parse(stdout).images.map(({ seed }: { seed: number }) => seed)).toEqual([0, 2]);
    expect(stderr).toBe("latentkit: 1 of 3 pictures failed: Picture 1 failed.\n");
    expect(await pngs()).toEqual(["half-0.png", "half-2.png"]);
  });

  it("hides the stack unless LATENTKIT_DEBUG asks for it", async () => {
    const { stderr } = await run(["generate", "--prompt", "fail"], folder, { LATENTKIT_DEBUG: "1" });
    expect(stderr).toMatch(/^latentkit: Picture 0 failed\.\nGenerationError: .*\n\s+at /);
  });
});

describe("bad input", () => {
  it("exits 2 before any work, with one line on stderr", async () => {
    const { code, stdout, stderr } = await run(["generate", "--prompt", "x", "--width", "12", "--json"], folder);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toBe("latentkit: --width: 12 is not possible here: must be 8 to 4096, a multiple of 8\n");
    expect(await pngs()).toEqual([]);
  });
});

describe("interruption", () => {
  const signals = [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const;
  it.each(signals)("%s stops the job, keeps what was made, disposes and exits %i", async (signal, expected) => {
    const child = start(["generate", "--prompt", "x", "--steps", "60", "--count", "500", "--out", "out"], folder);
    const ended = end(child);
    await until(() => existsSync(join(folder, "out")));
    child.kill(signal);
    const { code, stderr, stdout } = await ended;
    expect({ code, stdout, stderr }).toEqual({ code: expected, stdout: "", stderr: "latentkit: Interrupted.\n" });
    expect((await pngs(join(folder, "out"))).length).toBeGreaterThan(0);
    expect(await readFile(join(folder, "disposed.txt"), "utf8")).toBe("running 0");
  });

  it("ends at once at a second Ctrl-C, though the backend hangs", async () => {
    await writeFile(join(folder, "stuck.config.mjs"), stuckConfig);
    const child = start(["generate", "--prompt", "x", "--config", "stuck.config.mjs"], folder);
    const ended = end(child);
    await until(() => existsSync(join(folder, "begun.txt")));
    child.kill("SIGINT");
    await until(() => existsSync(join(folder, "aborted.txt")));
    expect(child.exitCode).toBeNull();
    child.kill("SIGINT");
    expect((await ended).code).toBe(130);
  });
});

describe("other commands", () => {
  it("recipe prints what made a picture", async () => {
    await run(["generate", "--prompt", "x", "--seed", "5", "--out", "a.png"], folder);
    const { code, stdout } = await run(["recipe", "a.png"], folder);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ latentkit: "recipe", request: { prompt: "x", seed: 5 } });
  });

  it("recipe refuses what is no PNG, or has no recipe", async () => {
    await mkdir(join(folder, "dir"));
    for (const file of ["latentkit.config.ts", "dir", "none.png"]) {
      const { code, stdout, stderr } = await run(["recipe", file], folder);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toMatch(/^latentkit: .+\n$/);
    }
  });

  it("helps", async () => {
    const { version } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
    expect(await run(["--version"], folder)).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
    expect((await run(["--help"], folder)).stdout).toMatch(/generate.*recipe.*models/s);
    expect((await run(["generate", "--help"], folder)).stdout).toContain("--negative <text>");
    expect(await run(["nonsense"], folder)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("unknown command 'nonsense'"),
    });
    expect((await run([], folder)).code).toBe(2);
  });
});

const stuckConfig = `
import { writeFileSync } from "node:fs";
const capabilities = { backend: "stuck", tasks: ["text-to-image"], features: ["seed"], conditioning: [], samplers: "any",
  schedulers: "any", outputFormats: ["png"], limits: {}, resume: false };
export default { backend: { id: "stuck", capabilities: async () => capabilities, dispose: async () => {},
  async *generate(request, { signal }) {
    signal.addEventListener("abort", () => writeFileSync("aborted.txt", ""));
    yield { type: "queued" };
    writeFileSync("begun.txt", "");
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  } } };
`;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}
