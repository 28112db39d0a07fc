import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { fileURLToPath, pathToFileURL } from "node:url";
import { runCli } from "../run-cli.ts";

const main = fileURLToPath(new URL("../main.ts", import.meta.url));
/** Sources are compiled once, not in every process. */
const compileCache = fileURLToPath(new URL("../../../../.cache/node", import.meta.url));
const testing = new URL("../../../testing/src/index.ts", import.meta.url);

/** How a run of the command line ended. */
export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The command line from its sources: a program and its arguments, for those who start it themselves. */
export function commandLine(args: readonly string[]): string[] {
  return [process.execPath, "--conditions=latentkit-source", main, ...args];
}

/** Starts the command line from its sources, as a process of its own. */
export function start(
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
  stdin: "ignore" | "pipe" = "ignore",
): ChildProcess {
  const [program = "", ...rest] = commandLine(args);
  return spawn(program, rest, {
    cwd,
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache, LATENTKIT_BACKEND: "", ...env },
    stdio: [stdin, "pipe", "pipe"],
  });
}

/** Waits for a run's end. */
export function end(child: ChildProcess, isText = true): Promise<Outcome> {
  let stdout = "";
  let stderr = "";
  if (isText) child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
}

/** Runs the command line to its end, with a text on its standard input where one is given. */
export function run(
  args: readonly string[],
  cwd: string,
  env?: NodeJS.ProcessEnv,
  stdin?: string,
  /** Where standard output goes as it is, byte by byte, in place of the outcome. */
  out?: string,
): Promise<Outcome> {
  const child = start(args, cwd, env, stdin === undefined ? "ignore" : "pipe");
  child.stdin?.end(stdin);
  if (out !== undefined) child.stdout?.pipe(createWriteStream(out));
  return end(child, out === undefined);
}

/** As a process would run it, but in this one and so at once: for what ends before any work. */
export async function runInside(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const written = { stdout: "", stderr: "" };
  const into = (name: keyof typeof written) =>
    new Writable({
      write(chunk, _, done) {
        written[name] += String(chunk);
        done();
      },
    });
  const code = await runCli(args, { stdout: into("stdout"), stderr: into("stderr"), env });
  return { code, ...written };
}

/** A folder to run in, whose configuration holds a backend that needs no model. */
export async function makeFolder(name = "latentkit cli ünicode "): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), name));
  await writeFile(join(folder, "latentkit.config.ts"), memoryConfig(folder));
  return folder;
}

export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

/** The backend fails where the prompt says so, and then only its second picture. */
const memoryConfig = (folder: string) => `
import { writeFileSync } from "node:fs";
import { memoryBackend } from ${JSON.stringify(pathToFileURL(fileURLToPath(testing)).href)};
const backend = memoryBackend({ stepMs: 5, fails: (prompt, index) => prompt === "fail" || (prompt === "half" && index === 1) });
const { dispose } = backend;
backend.dispose = async () => { writeFileSync(${JSON.stringify(join(folder, "disposed.txt"))}, "running " + backend.running); await dispose(); };
export default { backend };
`;
