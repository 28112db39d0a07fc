/**
 * A queue whose workers die: four workers, many jobs, two workers killed with SIGKILL in the middle. Every job must be right, none lost, none
 * delivered or billed twice. Needs redis-server (Debian's package).
 *
 *     pnpm bench queue
 *     node --conditions=latentkit-source tools/bench/queue.ts [jobs] [workers] [workers killed]
 */
import { cpus, loadavg } from "node:os";
import { redisProgram } from "../../packages/queue/src/testing/redis-server.ts";
import { runQueue } from "./queue-run.ts";

const [jobs = 500, workers = 4, killed = 2] = process.argv.slice(2).map(Number);

console.log(
  `  ${new Date().toISOString().slice(0, 10)}, node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}, load ${loadavg()[0]?.toFixed(1)}`,
);
if (redisProgram === undefined) console.log("  not run: there is no redis-server on this machine");
else
  for (const kind of ["billed", "free"] as const) {
    const found = await runQueue({ kind, jobs, workers, killed });
    const billing =
      kind === "billed" ? `; ordered of the service ${found.orders}, more than once ${found.orderedTwice}` : "";
    console.log(
      `  ${kind}: ${workers} workers, ${killed} killed, ${jobs} jobs in ${found.seconds.toFixed(1)} s: ${found.right} right, ${found.wrong} wrong, ${found.lost} lost, ${found.doubled} doubled${billing}`,
    );
    for (const [error, count] of found.errors) console.log(`    ${count} × ${error}`);
  }
