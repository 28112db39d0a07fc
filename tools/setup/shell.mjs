import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The repository's root folder. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** A step of the set-up failed; the message says which and what helps. */
export class SetupError extends Error {}

/**
 * Runs a program to its end, with this one's terminal.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, quiet?: boolean }} options `quiet`: its output goes to stderr, and only if it fails
 * @returns {Promise<number>} its exit code; 128 + n where signal n ended it
 */
export function runProgram(program, args, { env = process.env, quiet = false } = {}) {
  return new Promise((resolve, reject) => {
    const stdio = quiet ? ["ignore", "pipe", "pipe"] : "inherit";
    const child = spawn(program, args, { cwd: root, env, stdio });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => output.push(chunk));
    // A terminal sends Ctrl-C to both of us: the child decides how to end, and we end with it.
    const ignore = () => {};
    const forward = () => child.kill("SIGTERM");
    process.on("SIGINT", ignore);
    process.on("SIGTERM", forward);
    child.on("error", (cause) => reject(new SetupError(`${program} cannot be started: ${cause.message}`, { cause })));
    child.on("close", (code, signal) => {
      process.off("SIGINT", ignore);
      process.off("SIGTERM", forward);
      const status = code ?? 128 + (signal === "SIGINT" ? 2 : signal === "SIGTERM" ? 15 : 9);
      if (quiet && status !== 0) process.stderr.write(Buffer.concat(output));
      resolve(status);
    });
  });
}

/** Runs one step of the set-up and says how long it took. @throws SetupError when the program fails. */
export async function step(title, program, args, options) {
  const startedAt = Date.now();
  process.stderr.write(`set-up: ${title} …\n`);
  const code = await runProgram(program, args, { quiet: true, ...options });
  if (code !== 0) throw new SetupError(`${title} failed (exit code ${code}); its output stands above`);
  process.stderr.write(`set-up: ${title}: done in ${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`);
}
