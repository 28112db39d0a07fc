import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";

const urlOf = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
const imports = `
  import { createClient, LatentKitError } from ${urlOf("../../../core/src/index.ts")};
  import { local } from ${urlOf("../index.ts")};
  const say = (what) => process.stdout.write(JSON.stringify(what) + "\\n");
  const codeOf = (error) => LatentKitError.isInstance(error) ? error.code : "untyped: " + error.stack;
  const sampling = async (job) => { for await (const event of job) if (event.type === "progress" && event.phase === "sample" && event.step >= 1) return; };
`;

/** A program of its own that uses the client and the local backend. It says what it has to say in JSON, by `say`. */
export interface TestProgram {
  child: ChildProcess;
  /** The next thing that it says; undefined at its end. */
  next(): Promise<unknown>;
  /** Its exit code or signal, and the end of what it wrote to stderr. */
  ended: Promise<{ code: number | string | null; stderr: string }>;
}

/** Starts one; `shell` are words of bash that set it up, such as `ulimit -n 32`. */
export function startProgram(
  code: string,
  { shell = "true", env = {} }: { shell?: string; env?: object } = {},
): TestProgram {
  const node = `exec "${process.execPath}" --conditions=latentkit-source --disable-warning=ExperimentalWarning "$PROGRAM"`;
  const folder = mkdtempSync(join(tmpdir(), "latentkit-program-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "program.mjs");
  writeFileSync(file, imports + code);
  const child = spawn("bash", ["-c", `${shell} && ${node}`], {
    env: { ...process.env, ...env, PROGRAM: file },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-2000);
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    async next() {
      const { value } = await lines.next();
      return value === undefined ? undefined : JSON.parse(value);
    },
    ended: once(child, "close").then(([exit, signal]) => ({ code: exit ?? signal, stderr })),
  };
}
