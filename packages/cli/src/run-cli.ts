import { createRequire } from "node:module";
import { Command, CommanderError } from "commander";
import { batchCommand } from "./commands/batch.ts";
import { capabilitiesCommand } from "./commands/capabilities.ts";
import { comfyCommand } from "./commands/comfy.ts";
import { completeCommand, completionCommand } from "./commands/completion.ts";
import { diffCommand } from "./commands/diff.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { generateCommand } from "./commands/generate.ts";
import { modelsCommand } from "./commands/models.ts";
import { quantizeCommand } from "./commands/quantize.ts";
import { recipeCommand } from "./commands/recipe.ts";
import { replayCommand } from "./commands/replay.ts";
import { samplersCommand } from "./commands/samplers.ts";
import { mcpCommand, serveCommand } from "./commands/serve.ts";
import { sweepCommand } from "./commands/sweep.ts";
import { workerCommand } from "./commands/worker.ts";
import { withDashes } from "./generate/foreign-flags.ts";
import { reportError } from "./report-error.ts";
import { printing } from "./terminal/printable.ts";

/** What the command line reads and writes, other than files. */
export interface CliIo {
  /** What `-` stands for, where a flag takes it. */
  stdin?: NodeJS.ReadableStream;
  stdout: NodeJS.WritableStream;
  /** Progress and pictures are drawn on it only where it is a terminal. */
  stderr: NodeJS.WritableStream;
  env: NodeJS.ProcessEnv;
}

/** A subcommand. To add one, write `commands/<name>.ts` and list it in {@link commands}. */
export type MakeCommand = (io: CliIo, setExitCode: (code: number) => void) => Command;

const commands: readonly MakeCommand[] = [
  generateCommand,
  batchCommand,
  sweepCommand,
  replayCommand,
  recipeCommand,
  diffCommand,
  modelsCommand,
  quantizeCommand,
  samplersCommand,
  capabilitiesCommand,
  doctorCommand,
  comfyCommand,
  serveCommand,
  mcpCommand,
  workerCommand,
  completionCommand,
];

/**
 * Runs the command line.
 *
 * @param argv what stands after `latentkit`.
 * @returns the exit code: 0, 1 (failed), 2 (bad input) or 130 (interrupted).
 */
export async function runCli(argv: readonly string[], given: CliIo = process): Promise<number> {
  const { stdin, stdout, stderr, env } = given;
  // Pictures are drawn on stderr: what is printed on stdout is text.
  const io: CliIo = { ...(stdin === undefined ? {} : { stdin }), stdout: printing(stdout), stderr, env };
  let exitCode = 0;
  const program = new Command("latentkit")
    .description("Makes pictures with diffusion models: on this machine, on Replicate, or on a ComfyUI server.")
    .version(packageVersion(), "-V, --version")
    .showSuggestionAfterError();
  for (const make of commands) program.addCommand(make(io, (code) => (exitCode = code)));
  program.addCommand(
    completeCommand(io, () => {}),
    { hidden: true },
  );
  for (const command of withSubcommands(program)) {
    command.exitOverride().configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, "latentkit: ") + promptHint(text)),
    });
  }
  try {
    await program.parseAsync(withDashes(argv), { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return reportError(error, io);
  }
}

/** Who forgets the command, and begins with the prompt, is told. */
function promptHint(text: string): string {
  const [, prompt] = /^error: unknown command '(.* .*)'/s.exec(text) ?? [];
  return prompt === undefined ? "" : `(To draw it: latentkit generate ${JSON.stringify(prompt)})\n`;
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

function packageVersion(): string {
  return (createRequire(import.meta.url)("../package.json") as { version: string }).version;
}
