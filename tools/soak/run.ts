/**
 * Hostile inputs of every kind, made from a seed, for some minutes: how many were tried, refused by which code, and taken; what failed; and
 * this process's memory before and after. Exits 1 where anything failed.
 *
 *     pnpm soak [kind …] [--minutes 5] [--seed 1]
 *     pnpm soak figures [memory] [calls] [deadlines] [stall] [engine] [--minutes 5]
 */
import { parseArgs } from "node:util";
import { figures } from "./figures.ts";
import { runKind, type Tally } from "./kind.ts";
import { kinds } from "./kinds.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: "string", default: "5" }, seed: { type: "string", default: "1" } },
});
const untyped: string[] = [];
process.on("unhandledRejection", (error) => untyped.push(`unhandled rejection: ${String(error)}`));

if (positionals[0] === "figures") await figures(positionals.slice(1), Number(values.minutes));
else await soak();

async function soak(): Promise<void> {
  const names = positionals.length > 0 ? positionals : Object.keys(kinds);
  const unknown = names.find((name) => !Object.hasOwn(kinds, name));
  if (unknown !== undefined) {
    console.error(`There is no kind "${unknown}"; there are ${Object.keys(kinds).join(", ")} and figures.`);
    process.exit(2);
  }
  const share = (Number(values.minutes) * 60_000) / names.length;
  console.log(
    `seed ${values.seed}, ${values.minutes} minutes, ${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${process.platform}-${process.arch}`,
  );
  console.log("kind         tried   taken refused failures slowest  memory MB before → after   refused by code");
  let failed = 0;
  for (const name of names) {
    const before = memory();
    await using kind = await kinds[name]!.make();
    const tally = await runKind(kind, Number(values.seed), { time: performance.now() + share });
    tally.failures.push(...untyped.splice(0));
    failed += tally.failures.length;
    print(name, tally, before);
  }
  console.log(failed === 0 ? "failures 0" : `failures ${failed}`);
  process.exit(failed === 0 ? 0 : 1);
}

function print(name: string, { tried, refused, drawn, failures, slowestMs }: Tally, before: number): void {
  const count = [...refused.values()].reduce((sum, each) => sum + each, 0);
  const codes = [...refused].map(([code, each]) => `${code} ${each}`).join(", ");
  const cells = [
    name.padEnd(11),
    String(tried).padStart(6),
    String(drawn).padStart(7),
    String(count).padStart(7),
    String(failures.length).padStart(8),
  ];
  console.log(`${cells.join(" ")} ${`${Math.round(slowestMs)} ms`.padStart(9)}  ${before} → ${memory()}   ${codes}`);
  for (const failure of failures) console.log(`  ${failure}`);
}

function memory(): number {
  globalThis.gc?.();
  return Math.round(process.memoryUsage().rss / 2 ** 20);
}
