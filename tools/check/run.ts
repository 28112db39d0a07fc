import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Check, checks } from "./checks.ts";

/** Runs the gate, or the named checks, to the end whatever fails; exits 1 when one did. */
function main(): void {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { except: { type: "string", multiple: true, default: [] }, report: { type: "string" } },
  });
  const names = checks.map(({ name }) => name);
  const unknown = [...positionals, ...values.except].filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    console.error(`No such check: ${unknown.join(", ")}. There are: ${names.join(", ")}.`);
    process.exitCode = 2;
    return;
  }
  const wanted = checks.filter(
    ({ name, onDemand = false }) =>
      (positionals.length === 0 ? !onDemand : positionals.includes(name)) && !values.except.includes(name),
  );
  const results = wanted.map(runCheck);
  const failed = results.filter(({ ok }) => !ok);
  console.log("\nThe gate:");
  for (const { name, ok, seconds } of results) console.log(`  ${ok ? "ok    " : "FAILED"} ${name} (${seconds} s)`);
  if (values.report !== undefined) writeReport(values.report, results.length - failed.length, failed.length);
  process.exitCode = failed.length > 0 ? 1 : 0;
}

function runCheck({ name, what, command }: Check): { name: string; ok: boolean; seconds: string } {
  console.log(`\n== ${name}: ${what}`);
  const startedAt = performance.now();
  const colors = process.stdout.isTTY ? {} : { NO_COLOR: "1" };
  const env = { ...process.env, ...colors };
  const { status } = spawnSync(process.execPath, command, { env, stdio: ["ignore", "inherit", "inherit"] });
  return { name, ok: status === 0, seconds: ((performance.now() - startedAt) / 1000).toFixed(1) };
}

function writeReport(file: string, passed: number, failed: number): void {
  mkdirSync(new URL(".", new URL(file, `file://${process.cwd()}/`)), { recursive: true });
  writeFileSync(file, JSON.stringify({ passed, failed }));
}

main();
