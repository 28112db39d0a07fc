import { Command, Option } from "commander";
import { type ClientFlags, clientOptions } from "../generate/client-flags.ts";
import { openClient } from "../generate/open-client.ts";
import { whole } from "../generate/sampling-flags.ts";
import { UsageError } from "../report-error.ts";
import type { CliIo, MakeCommand } from "../run-cli.ts";
import { onInterrupt } from "../terminal/interrupt.ts";

interface WorkerFlags extends ClientFlags {
  redis?: string;
  queue?: string;
  store?: string;
  concurrency?: number;
  grace?: number;
  drain?: boolean;
}

const help = `
Examples:
  $ latentkit worker --backend local --concurrency 2 --store /srv/pictures
  $ latentkit worker --backend replicate --model black-forest-labs/flux-schnell --concurrency 20 --store /srv/pictures
  $ latentkit worker --drain                                  # until nothing waits any more

Redis is at REDIS_URL, or redis://127.0.0.1:6379. What orders is queue() of @latentkit/queue: docs/queue.md.
Ctrl-C lets running jobs finish (--grace), and hands the rest back to the queue; Ctrl-C again ends it at once: other
workers then take its jobs after 30 s.`;

/** `latentkit worker`: fulfils the jobs of a queue. */
export const workerCommand: MakeCommand = (io, setExitCode) => {
  const command = new Command("worker")
    .description("take jobs from a queue on Redis, and fulfil them with a backend")
    .option("--redis <url>", "address of Redis (default: REDIS_URL, else redis://127.0.0.1:6379)")
    .option("--queue <name>", "name of the queue (default: pictures)")
    .option("--store <folder>", "folder for pictures that all sides see (default: Redis, for small ones)")
    .addOption(new Option("--concurrency <n>", "jobs at a time (default: 1)").argParser(whole))
    .addOption(
      new Option("--grace <seconds>", "how long running jobs may finish at the end (default: 60)").argParser(whole),
    )
    .option("--drain", "end when nothing waits any more")
    .allowExcessArguments(false)
    .addHelpText("after", help)
    .action(async (flags: WorkerFlags) => setExitCode(await run(flags, io)));
  for (const option of clientOptions()) command.addOption(option);
  return command;
};

async function run(flags: WorkerFlags, io: CliIo): Promise<number> {
  if (flags.backend === "queue")
    throw new UsageError("--backend: a queue is what jobs come from; name what makes pictures");
  const { startWorker, withAddress } = await import("@latentkit/queue");
  let goesOn = false;
  const interrupt = onInterrupt();
  const client = await openClient(flags, { model: flags.model, isDefault: true }, io.env);
  try {
    const { redis, queue: name, store, concurrency, grace } = flags;
    const given = { name, store, concurrency, graceMs: grace === undefined ? undefined : grace * 1000 };
    const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
    const address = withAddress(redis === undefined ? {} : { connection: redis }, io.env);
    const worker = await startWorker(client.backend, { ...address, ...set });
    io.stderr.write(`latentkit: worker ${worker.id} with ${client.backend.id} (Ctrl-C stops it)\n`);
    const stopped = new Promise<void>((resolve) => {
      if (interrupt.signal.aborted) resolve();
      interrupt.signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.race([stopped, ...(flags.drain ? [worker.drained()] : [])]);
    if (worker.running > 0) io.stderr.write("latentkit: finishing what runs; Ctrl-C again ends it at once\n");
    // Jobs that go on elsewhere by their handles end with the backend: it is left as it is.
    goesOn = (await worker.close()) > 0;
    return 0;
  } finally {
    interrupt.release();
    if (goesOn) process.exit(0);
    await client.dispose();
  }
}
