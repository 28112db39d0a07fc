import { type Client, type GenerationInput, type Recipe, readRecipe } from "@latentkit/core";
import { openClient } from "../generate/open-client.ts";
import { planOutput } from "../generate/output-plan.ts";
import { admitRecipe } from "../generate/recipe-trust.ts";
import { Saver } from "../generate/saver.ts";
import { reportError } from "../report-error.ts";
import type { CliIo } from "../run-cli.ts";
import { followJob } from "../terminal/follow-job.ts";
import { onInterrupt } from "../terminal/interrupt.ts";
import { type Comparison, compareWithFile, describeDifference } from "./difference.ts";
import { readPicture } from "./read-picture.ts";
import { isComfy, replayGraph } from "./replay-graph.ts";
import { savedGraph } from "./saved-graph.ts";

/** What `latentkit replay` was given. */
export interface ReplayFlags {
  backend?: string;
  model?: string;
  image?: string;
  url?: string;
  config?: string;
  out?: string;
  exact?: boolean;
  /** Let the recipe reach what it names. */
  trust?: boolean;
  json?: boolean;
}

/** Draws a picture again and compares. @returns the exit code. */
export async function replay(file: string, flags: ReplayFlags, io: CliIo): Promise<number> {
  const interrupt = onInterrupt();
  let client: Client | undefined;
  try {
    const bytes = await readPicture(file);
    const graph = flags.model === undefined ? await savedGraph(bytes) : undefined;
    const { signal } = interrupt;
    if (graph !== undefined) {
      client = await openClient(flags, {}, io.env);
      const { backend } = client;
      if (isComfy(backend)) {
        const { image, out, trust } = flags;
        const drawn = await replayGraph({ graph, bytes, file, image, out, trust, signal }, backend, io);
        print({ from: "comfyui", how: "ComfyUI, whose graph ran as it is", ...drawn }, flags, io);
        return exitCode(drawn.compared, flags);
      }
    }
    const read = await readRecipe(file);
    const recipe = withFlags(read, flags);
    const saver = new Saver(await planOutput(flags.out, recipe, {}));
    client ??= await openClient(
      flags,
      { recipe, model: flags.trust === true ? recipe.request.model : flags.model },
      io.env,
    );
    const fields = Object.fromEntries(
      Object.entries({ model: flags.model, image: flags.image }).filter(([, value]) => value !== undefined),
    );
    await admitRecipe(read, { trust: flags.trust, fields, input: recipe, file }, client, io, signal);
    const job = client.generate(recipe, { signal, onUnsupported: "warn", trust: true });
    const { images, warnings } = await followJob(job, client, io.stderr, signal, (image) => saver.save(image));
    const [image] = images;
    const compared = image === undefined ? { why: "no picture was made" } : await compareWithFile(image, bytes);
    const how = `${recipe.backend}${recipe.model === undefined ? "" : ` with ${recipe.model.id}`}`;
    print({ from: recipe.backend, how, images: saver.saved, warnings, compared }, flags, io);
    return exitCode(compared, flags);
  } catch (error) {
    const code = reportError(error, io);
    return interrupt.signal.aborted ? interrupt.exitCode : code;
  } finally {
    await client?.dispose().catch((error: unknown) => reportError(error, io));
    interrupt.release();
  }
}

/** A picture that was made from another one says so in a note; with that one given, it is made from it again. */
function withFlags(recipe: Recipe, { model, image }: ReplayFlags): Recipe {
  const request: Record<string, unknown> = { ...recipe.request };
  if (model !== undefined) request.model = model;
  if (image === undefined) return { ...recipe, request: request as unknown as Recipe["request"] };
  const { notes = [] } = recipe;
  const strength = Number(notes.find(({ field }) => field === "strength")?.value);
  const isOriginal = request.task === "text-to-image";
  const from = { task: "image-to-image", image, ...(strength > 0 && strength <= 1 ? { strength } : {}) };
  const rest = notes.filter(({ field }) => field !== "strength" && field !== "image");
  return {
    ...recipe,
    request: { ...request, ...(isOriginal ? from : { image }) } as GenerationInput as Recipe["request"],
    ...(notes.length > 0 ? { notes: rest } : {}),
  };
}

function exitCode(compared: Comparison, { exact }: ReplayFlags): number {
  const isExact = "difference" in compared && compared.difference.equal;
  return exact && !isExact ? 1 : 0;
}

interface Drawn {
  from: string;
  /** What drew it, in words. */
  how: string;
  images: readonly { path: string }[];
  warnings: readonly { field?: string; message: string }[];
  compared: Comparison;
}

function print(
  { from, how, images, warnings, compared }: Drawn,
  { json }: ReplayFlags,
  { stdout }: Pick<CliIo, "stdout">,
): void {
  const notHonoured = warnings.map(({ field, message }) => ({ ...(field === undefined ? {} : { field }), message }));
  if (json) {
    const result =
      "difference" in compared ? { difference: compared.difference } : { difference: null, why: compared.why };
    stdout.write(`${JSON.stringify({ images, from, notHonoured, ...result }, undefined, 2)}\n`);
    return;
  }
  const lines = [
    ...images.map(({ path }) => path),
    `made by ${how}`,
    ...notHonoured.map(({ message }) => `not honoured: ${message}`),
    "difference" in compared
      ? `difference: ${describeDifference(compared.difference, compared.pixels)}`
      : `difference: not measured: ${compared.why}`,
  ];
  stdout.write(`${lines.join("\n")}\n`);
}
