import { execFile } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";
import { writeWhole } from "./write-whole.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "latentkit-write-"));
});
afterEach(() => rm(folder, { recursive: true }));
const text = async (name: string) => readFile(join(folder, name), "utf8");

it("replaces a file, through a link and with its mode, and leaves nothing beside it", async () => {
  await writeFile(join(folder, "a"), "old");
  await chmod(join(folder, "a"), 0o600);
  await symlink(join(folder, "a"), join(folder, "link"));
  await writeWhole(join(folder, "link"), Buffer.from("new"));
  expect(await text("a")).toBe("new");
  expect((await stat(join(folder, "a"))).mode & 0o777).toBe(0o600);
  await writeWhole(join(folder, "deep", "er", "b"), Buffer.from("b"));
  expect((await readdir(folder)).sort()).toEqual(["a", "deep", "link"]);
});

it("keeps what is there where that is asked for", async () => {
  await writeWhole(join(folder, "a"), Buffer.from("1"), { exclusive: true });
  await expect(writeWhole(join(folder, "a"), Buffer.from("2"), { exclusive: true })).rejects.toMatchObject({
    code: "EEXIST",
  });
  expect(await text("a")).toBe("1");
  expect(await readdir(folder)).toEqual(["a"]);
});

it.skipIf(process.platform !== "linux")("keeps the old file, and leaves no half one, on a full disk", async () => {
  await writeFile(join(folder, "a"), "old");
  // A limit on the size of files stands in for a full disk: the write fails in the middle.
  const program = `
    process.on("SIGXFSZ", () => {});
    const { writeWhole } = await import(${JSON.stringify(new URL("./write-whole.ts", import.meta.url).href)});
    await writeWhole(${JSON.stringify(join(folder, "a"))}, Buffer.alloc(1e6)).then(() => process.exit(3), (error) => console.log(error.code));
  `;
  const shell = `ulimit -f 8; exec "${process.execPath}" --input-type=module --disable-warning=ExperimentalWarning -e "$PROGRAM"`;
  const { stdout } = await promisify(execFile)("bash", ["-c", shell], { env: { ...process.env, PROGRAM: program } });
  expect(stdout.trim()).toMatch(/^E/);
  expect(await text("a")).toBe("old");
  expect(await readdir(folder)).toEqual(["a"]);
});
