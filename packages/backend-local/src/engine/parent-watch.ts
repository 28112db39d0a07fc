import { Worker } from "node:worker_threads";

/**
 * Ends this process at once when its parent is gone, in the middle of a network's run too. A run holds up the main thread, and an orderly
 * exit waits for it; a thread of its own asks ten times a second, and a signal waits for nobody.
 */
export function endWithParent(): void {
  const watch = `
    const parent = process.ppid;
    const isThere = () => {
      if (process.ppid !== parent) return false;
      try { process.kill(parent, 0); return true; } catch (error) { return error.code === "EPERM"; }
    };
    setInterval(() => { if (!isThere()) process.kill(process.pid, "SIGKILL"); }, 100);
  `;
  try {
    new Worker(watch, { eval: true, execArgv: [], env: {}, stdout: false, stderr: false }).unref();
  } catch {
    // Without it the channel's end is noticed between two runs.
  }
}
