import type { Client, GenerationResult, Job } from "@latentkit/core";
import { reportError } from "../report-error.ts";
import type { CliIo } from "../run-cli.ts";
import { onInterrupt } from "../terminal/interrupt.ts";
import { isTerminal, progressView } from "../terminal/progress-view.ts";
import { completeFlags } from "./complete-flags.ts";
import type { GenerateFlags } from "./flags.ts";
import { openClient } from "./open-client.ts";
import { planOutput } from "./output-plan.ts";
import { previewPixels, withPreviews } from "./previews.ts";
import { readInput } from "./read-input.ts";
import { admitRecipe } from "./recipe-trust.ts";
import { type SavedImage, Saver } from "./saver.ts";

/** Runs one request and writes its pictures. @returns the exit code. */
export async function generate(given: GenerateFlags, words: readonly string[], io: CliIo): Promise<number> {
  const interrupt = onInterrupt();
  let client: Client | undefined;
  try {
    const flags = await completeFlags(given, words, io);
    const wanted = await readInput(flags, io);
    const saver = new Saver(await planOutput(flags.out, wanted.input, flags, io));
    client = await openClient(flags, wanted, io.env);
    const { signal } = interrupt;
    const { recipe, fields } = wanted;
    if (recipe !== undefined)
      await admitRecipe(
        recipe,
        { trust: flags.trust, fields, input: wanted.input, file: `--recipe: ${flags.recipe}` },
        client,
        io,
        signal,
      );
    const input = await withPreviews(wanted.input, flags, client, io.stderr, signal);
    const { timeout, onUnsupported, input: inputs } = flags;
    const timeoutMs = timeout === undefined ? undefined : timeout * 1000;
    const job = client.generate(input, {
      signal,
      timeoutMs,
      onUnsupported,
      inputs,
      ...(recipe === undefined ? {} : { trust: true }),
    });
    const result = await follow(job, client, saver, signal, flags, io);
    if (flags.out !== "-") print(result, saver.saved, flags, io);
    return result.failures.length > 0 ? tellFailures(result, io) : 0;
  } catch (error) {
    const code = reportError(error, io);
    return interrupt.signal.aborted ? interrupt.exitCode : code;
  } finally {
    await client?.dispose().catch((error: unknown) => reportError(error, io));
    interrupt.release();
  }
}

/** Shows a job's progress and writes each picture as it comes, so that what was made outlives a failure. */
async function follow(
  job: Job,
  client: Client,
  saver: Saver,
  signal: AbortSignal,
  flags: GenerateFlags,
  io: CliIo,
): Promise<GenerationResult> {
  const view = await progressView(io.stderr, ({ image }) => previewPixels(image, client, signal));
  try {
    for await (const event of job) {
      // Whoever interrupts wants an end, not the rest of what has come in, but must know of what could not be stopped.
      if (signal.aborted && event.type !== "warning") continue;
      view.update(event);
      if (event.type === "warning" && flags.json !== true) view.print(`latentkit: warning: ${event.message}`);
      // One that comes again, as from a pool that lost a server, is the picture that was written before.
      if (event.type !== "image" || saver.has(event.index)) continue;
      const image = job.images.find(({ index }) => index === event.index);
      if (image !== undefined) await view.picture(image, await saver.save(image));
    }
    return await job;
  } catch (error) {
    job.cancel();
    await job.catch(() => {});
    throw error;
  } finally {
    view.close();
  }
}

/** One object, or the paths: these only where the view has not shown them on the same terminal. */
function print(result: GenerationResult, saved: readonly SavedImage[], { json }: GenerateFlags, io: CliIo): void {
  const { recipe, timings, warnings } = result;
  if (json) io.stdout.write(`${JSON.stringify({ images: saved, recipe, timings, warnings }, undefined, 2)}\n`);
  else if (!(isTerminal(io.stdout) && isTerminal(io.stderr))) {
    for (const { path } of saved) io.stdout.write(`${path}\n`);
  }
}

function tellFailures({ failures, images }: GenerationResult, io: CliIo): number {
  const asked = images.length + failures.length;
  const reasons = [...new Set(failures.map(({ error }) => error.message))].join(" ");
  return reportError(new Error(`${failures.length} of ${asked} pictures failed: ${reasons}`), io);
}
