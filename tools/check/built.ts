import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Draws with what was built, as a user's shell would call it: the tests run the sources. */
function main(): void {
  const folder = mkdtempSync(join(tmpdir(), "latentkit-built-"));
  try {
    const first = draw(folder, ["--prompt", "a red apple on a blue background", "--seed", "7", "--out", "a.png"]);
    const again = draw(folder, ["--recipe", "a.png", "--out", "b.png"]);
    if (!first.equals(again)) throw new Error("The recipe did not make the same file again.");
    console.log(`a picture of ${first.length} bytes, and the same one again from its recipe`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function draw(folder: string, flags: readonly string[]): Buffer {
  const windows = process.platform === "win32";
  const program = resolve("node_modules", ".bin", windows ? "latentkit.CMD" : "latentkit");
  const args = ["generate", "--backend", "local", ...flags, "--json"];
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, encoding: "utf8", shell: windows });
  if (status !== 0 || stderr !== "") throw new Error(`latentkit ${args.join(" ")} exited ${status}: ${stderr}`);
  const { images } = JSON.parse(stdout) as { images: { path: string }[] };
  return readFileSync(join(folder, images[0]?.path ?? "none"));
}

main();
