import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { describe, expect, it, onTestFinished } from "vitest";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../../", import.meta.url));
const isBuilt = existsSync(join(root, "dist", "index.js"));

/** Decodes a PNG by a built package, or by what a program imports, and tells which programs were forked for it. */
async function decode(dist: string): Promise<{ size: number[]; forked: string[] }> {
  const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
  const program = `
    import { subscribe } from "node:diagnostics_channel";
    const forked = [];
    subscribe("child_process", ({ process }) => setImmediate(() => forked.push(process.spawnargs.at(-1))));
    const { decodeImage } = await import(${JSON.stringify(join(dist, "index.js"))});
    const { width, height } = await decodeImage(Buffer.from("${png}", "base64"));
    console.log(JSON.stringify({ size: [width, height], forked }));
  `;
  // What runs the tests may have every package of the repository found from anywhere.
  const { NODE_PATH: _, ...env } = process.env;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program], { cwd: tmpdir(), env });
  return JSON.parse(stdout);
}

// Without a build there is nothing to try: `pnpm test` builds first.
describe.skipIf(!isBuilt)("the built package", () => {
  it("brings the decoder's program, and decodes in it", async () => {
    const { stdout } = await run("npm", ["pack", "--dry-run", "--json"], {
      cwd: root,
      shell: process.platform === "win32",
    });
    expect(stdout).toContain('"dist/decoder/main.js"');
    const { size, forked } = await decode(join(root, "dist"));
    expect(size).toEqual([1, 1]);
    expect(forked).toEqual([join(root, "dist", "decoder", "main.js")]);
  });

  it("finds that program in the installed package where a bundler took the code", async () => {
    const folder = await mkdtemp(join(tmpdir(), "latentkit-bundle-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await mkdir(join(folder, "node_modules", "@latentkit"), { recursive: true });
    await symlink(root, join(folder, "node_modules", "@latentkit", "core"), "junction");
    await build({
      stdin: { contents: 'export { decodeImage } from "@latentkit/core";', resolveDir: folder },
      outfile: join(folder, "dist", "index.js"),
      bundle: true,
      platform: "node",
      format: "esm",
      external: ["sharp"],
      logLevel: "error",
    });
    const { size, forked } = await decode(join(folder, "dist"));
    expect(size).toEqual([1, 1]);
    expect(forked).toEqual([join(root, "dist", "decoder", "main.js")]);
  });

  it("decodes by itself where a bundle left that program behind", async () => {
    const folder = await mkdtemp(join(tmpdir(), "latentkit-dist-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await cp(join(root, "dist"), join(folder, "dist"), {
      recursive: true,
      filter: (source) => source !== join(root, "dist", "decoder"),
    });
    await cp(join(root, "package.json"), join(folder, "package.json"));
    await symlink(join(root, "node_modules"), join(folder, "node_modules"), "junction");
    expect(await decode(join(folder, "dist"))).toEqual({ size: [1, 1], forked: [] });
  });
});
