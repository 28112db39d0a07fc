import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "latentkit-manifest-"));
});
afterEach(() => rm(folder, { recursive: true }));

// A file system of its own, in a mount namespace: the kernel says ENOSPC. Not everywhere may one be made.
const smallDisk = (command: string) =>
  ["unshare", ["-m", "bash", "-c", `mount -t tmpfs -o size=16k none "$DISK" && ${command}`]] as const;
const canMount = await promisify(execFile)(...smallDisk("true"), { env: { ...process.env, DISK: tmpdir() } }).then(
  () => true,
  () => false,
);

it.skipIf(!canMount)("has no half line in its middle where a full disk gets room again", async () => {
  const program = `
    import { rmSync, writeFileSync } from "node:fs";
    const { Manifest } = await import(${JSON.stringify(new URL("./manifest.ts", import.meta.url).href)});
    const path = process.env.DISK + "/m.jsonl";
    writeFileSync(process.env.DISK + "/other", Buffer.alloc(8192));
    const first = await Manifest.open(path);
    let index = 0, error;
    while (error === undefined)
      await first.write({ key: "item " + index, index, status: "done" }).then(() => index++, (reason) => (error = reason));
    rmSync(process.env.DISK + "/other");
    await first.write({ key: "last", index, status: "done" });
    await first.close();
    const second = await Manifest.open(path);
    console.log(JSON.stringify([error.code, error.cause?.code, index > 50, second.take("item " + (index - 1))?.status,
      second.take("item " + index)?.status ?? null, second.take("last")?.status]));
    await second.close();
  `;
  const run = `exec "${process.execPath}" --conditions=latentkit-source --input-type=module --disable-warning=ExperimentalWarning -e "$PROGRAM"`;
  const { stdout } = await promisify(execFile)(...smallDisk(run), {
    env: { ...process.env, DISK: folder, PROGRAM: program },
  });
  expect(JSON.parse(stdout)).toEqual(["manifest", "ENOSPC", true, "done", null, "done"]);
});
