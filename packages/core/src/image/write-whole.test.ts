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

// A file system of its own, in a mount namespace: the kernel says ENOSPC. Not everywhere may one be made.
const smallDisk = (command: string) =>
  ["unshare", ["-m", "bash", "-c", `mount -t tmpfs -o size=256k none "$DISK" && ${command}`]] as const;
const canMount = await promisify(execFile)(...smallDisk("true"), { env: { ...process.env, DISK: tmpdir() } }).then(
  () => true,
  () => false,
);

it.skipIf(!canMount)("keeps the old picture on a file system that is full, also through image.save()", async () => {
  const program = `
    import { randomBytes } from "node:crypto";
    import { readdir, readFile } from "node:fs/promises";
    const { GeneratedImage } = await import(${JSON.stringify(new URL("./generated-image.ts", import.meta.url).href)});
    const { parseRequest } = await import(${JSON.stringify(new URL("../request/parse-request.ts", import.meta.url).href)});
    const request = parseRequest({ prompt: "a", seed: 1 });
    const image = (side) => new GeneratedImage({ index: 0, recipe: { latentkit: "recipe", version: 1, backend: "b", request, versions: {} },
      backend: { id: "b" }, payload: { kind: "pixels", width: side, height: side, channels: 3,
        base64: randomBytes(side * side * 3).toString("base64") } });
    const path = process.env.DISK + "/a.png";
    await image(8).save(path);
    const old = await readFile(path);
    const code = await image(512).save(path).then(() => "saved", (error) => [error.code, error.cause?.code]);
    console.log(JSON.stringify([code, old.equals(await readFile(path)), await readdir(process.env.DISK)]));
  `;
  const run = `exec "${process.execPath}" --conditions=latentkit-source --input-type=module --disable-warning=ExperimentalWarning -e "$PROGRAM"`;
  const { stdout } = await promisify(execFile)(...smallDisk(run), {
    env: { ...process.env, DISK: folder, PROGRAM: program },
  });
  expect(JSON.parse(stdout)).toEqual([["image", "ENOSPC"], true, ["a.png"]]);
});
