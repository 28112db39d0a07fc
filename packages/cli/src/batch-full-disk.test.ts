import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeFolder, removeFolder } from "./testing/latentkit.ts";

const execute = promisify(execFile);
const main = fileURLToPath(new URL("./main.ts", import.meta.url));

// A file system of its own, in a mount namespace: the kernel says ENOSPC. Not everywhere may one be made.
const canMount = await execute("unshare", ["-m", "bash", "-c", `mount -t tmpfs -o size=64k none ${tmpdir()}`]).then(
  () => true,
  () => false,
);

let folder: string;
beforeEach(async () => {
  folder = await makeFolder();
  await mkdir(join(folder, "disk"));
  const lines = Array.from({ length: 60 }, (_, seed) =>
    JSON.stringify({ prompt: "a", seed, steps: 1, width: 64, height: 64 }),
  );
  await writeFile(join(folder, "in.jsonl"), lines.join("\n"));
});
afterEach(() => removeFolder(folder));

/** Runs a batch on a disk of so many bytes, then with room on it, and copies out what lies there in the end. */
async function batchOn(size: string, args: string) {
  const cli = `"${process.execPath}" --conditions=latentkit-source --disable-warning=ExperimentalWarning "${main}" batch in.jsonl --concurrency 3 ${args}`;
  const script = [
    `mount -t tmpfs -o size=${size} none disk`,
    `${cli} > first.txt 2> errors.txt; echo $? > code.txt`,
    "mount -o remount,size=8m none disk",
    `${cli} > second.txt; echo $? >> code.txt`,
    "cp -r disk kept",
  ].join("\n");
  await execute("unshare", ["-m", "bash", "-c", script], {
    cwd: folder,
    env: { ...process.env, LATENTKIT_BACKEND: "" },
  });
  const text = (name: string) => readFile(join(folder, name), "utf8");
  const items = async (name: string) =>
    (await text(name))
      .trim()
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { status: string });
  const count = async (name: string, status: string) =>
    (await items(name)).filter((item) => item.status === status).length;
  return { codes: (await text("code.txt")).trim().split("\n"), errors: await text("errors.txt"), count };
}

describe.skipIf(!canMount)("latentkit batch on a full disk", () => {
  it("stops at the picture that has no room, and goes on when there is", async () => {
    const { codes, errors, count } = await batchOn("128k", "--out disk --manifest manifest.jsonl");
    expect(codes).toEqual(["1", "0"]);
    expect(errors).toMatch(/^latentkit: line \d+: The file cannot be written: disk\/\d{5}-\w+\.png \(ENOSPC\)\./);
    expect(errors).toMatch(/\d+ drawn, 0 done before, 1 failed; run it again to go on\n$/);
    const drawn = await count("first.txt", "done");
    expect(drawn).toBeGreaterThan(5);
    expect(await count("second.txt", "skipped")).toBeGreaterThanOrEqual(drawn);
    const left = await readdir(join(folder, "kept"));
    expect(left.filter((name) => name.endsWith(".png"))).toHaveLength(60);
    expect(left).toHaveLength(60);
  });

  it("keeps a manifest that has no room whole", async () => {
    const { codes, errors, count } = await batchOn("8k", "--out out --manifest disk/manifest.jsonl");
    expect(codes).toEqual(["1", "0"]);
    expect(errors).toMatch(/The manifest cannot be written: disk\/manifest\.jsonl \(ENOSPC\)\./);
    const drawn = await count("first.txt", "done");
    expect(drawn).toBeGreaterThan(5);
    expect(await count("second.txt", "skipped")).toBeGreaterThanOrEqual(drawn);
    const lines = (await readFile(join(folder, "kept", "manifest.jsonl"), "utf8")).trimEnd().split("\n");
    for (const line of lines) expect(() => JSON.parse(line)).not.toThrow();
  });
});
