import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { local } from "../../../packages/backend-local/src/index.ts";
import { createClient } from "../../../packages/core/src/index.ts";
import type { Kind } from "../kind.ts";
import { mutated, mutatedJson } from "../random.ts";

const fixture = fileURLToPath(new URL("../../../packages/backend-local/fixtures/pipelines/f4", import.meta.url));

/** Model folders with a file changed: drawn with, or refused; the engine lives on or is replaced. */
export async function models(): Promise<Kind> {
  const names = (await readdir(fixture, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const folder = await mkdtemp(join(tmpdir(), "latentkit-soak-"));
  const client = createClient({ backend: local({ threads: 1 }) });
  let trial = 0;
  return {
    longestMs: 120_000,
    async once(random) {
      const model = join(folder, String(++trial));
      await cp(fixture, model, { recursive: true });
      const file = random.pick(names);
      const bytes = await readFile(file);
      // Python writes -Infinity into some, which is no JSON.
      const isJson = file.endsWith(".json") && !bytes.includes("Infinity") && random.next() < 0.7;
      const changed = isJson
        ? JSON.stringify(mutatedJson(JSON.parse(bytes.toString("utf8")), random))
        : mutated(bytes, random);
      await writeFile(file.replace(fixture, model), changed);
      try {
        await client.generate({ model, prompt: "a red apple", seed: 1, steps: 1, width: 32, height: 32 });
      } finally {
        await rm(model, { recursive: true, force: true });
      }
    },
    async [Symbol.asyncDispose]() {
      await client.dispose();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Jobs on the embedded model, cancelled at any moment: none stuck, every picture the same as without. */
export async function cancels(): Promise<Kind> {
  const client = createClient({ backend: local({ threads: 1 }) });
  const draw = (seed: number) => client.generate({ prompt: "a red apple", seed, steps: 3 });
  const expected = await Promise.all([0, 1, 2].map(async (seed) => (await draw(seed)).images[0]!.pixels()));
  return {
    longestMs: 120_000,
    async once(random) {
      const seed = random.below(3);
      const job = draw(seed);
      const timer = random.next() < 0.6 ? setTimeout(() => job.cancel(), random.below(400)) : undefined;
      try {
        const { data } = await (await job).images[0]!.pixels();
        if (Buffer.compare(data, expected[seed]!.data) !== 0)
          throw new Error(`the picture of seed ${seed} is another one`);
      } finally {
        clearTimeout(timer);
      }
    },
    [Symbol.asyncDispose]: () => client.dispose(),
  };
}
