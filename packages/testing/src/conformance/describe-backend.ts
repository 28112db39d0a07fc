import { createClient } from "@latentkit/core";
import { describe, it } from "vitest";
import type { BackendSetup, CaseName, SuiteOptions } from "./backend-setup.ts";
import { type Case, cases } from "./cases.ts";

/**
 * Runs the contract's cases on a backend: generation, order of events, abort in each phase, refusal before any work,
 * errors, determinism, recipe round trip, dispose. It speaks only of the contract, so every backend passes the same.
 *
 * @example
 * ```ts
 * describeBackend("mine", async () => ({
 *   backend: mine(), request: { prompt: "a" }, longRequest: { prompt: "a", steps: 500 },
 *   unsupported: { request: { prompt: "a", sampler: "none" }, field: "sampler" },
 *   workBegun: () => server.created, isIdle: () => server.running === 0,
 * }));
 * ```
 */
export function describeBackend(
  name: string,
  setup: () => BackendSetup | Promise<BackendSetup>,
  options: SuiteOptions = {},
): void {
  describe(`conformance of ${name}`, () => {
    for (const [caseName, run] of Object.entries(cases) as [CaseName, Case][]) {
      const reason = options.skip?.[caseName];
      if (reason !== undefined) it.skip(`${caseName} (not run: ${reason})`, () => {});
      else it(caseName, async (context) => runCase(run, await setup(), options, context.skip));
    }
  });
}

async function runCase(
  run: Case,
  setup: BackendSetup,
  options: SuiteOptions,
  skip: (reason: string) => void,
): Promise<void> {
  const client = createClient({ backend: setup.backend });
  try {
    await run({ ...setup, client, deterministic: options.deterministic ?? true, skip });
  } finally {
    await client.dispose();
    await setup.teardown?.();
  }
}
