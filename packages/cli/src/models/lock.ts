import { readFile, rm, writeFile } from "node:fs/promises";
import { UsageError } from "../report-error.ts";

/**
 * Does something that no two processes may do at once. A lock whose process is gone is taken over.
 *
 * @throws UsageError where another process does it.
 */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  await take(file);
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function take(file: string): Promise<void> {
  try {
    await writeFile(file, String(process.pid), { flag: "wx" });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    const owner = Number(await readFile(file, "utf8").catch(() => ""));
    if (isRunning(owner)) throw new UsageError(`process ${owner} is downloading this already (${file})`);
    await rm(file, { force: true });
    await writeFile(file, String(process.pid), { flag: "wx" });
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
