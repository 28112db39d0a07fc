// Draws the prompts of `evaluate.py --write-prompts` with this SDK: node --conditions=latentkit-source tools/train/draw.ts PROMPTS OUT_DIR [GUIDANCE]
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { local } from "../../packages/backend-local/src/index.ts";
import { createClient } from "../../packages/core/src/index.ts";

const [promptsPath = "prompts.json", out = "pictures", guidance] = process.argv.slice(2);
const guidanceScale = guidance === undefined ? undefined : Number(guidance);
const prompts: { id: string; prompt: string; seed: number }[] = JSON.parse(await readFile(promptsPath, "utf8"));

await mkdir(out, { recursive: true });
const client = createClient({ backend: local() });
for (const { id, prompt, seed } of prompts) {
  const { images } = await client.generate({ prompt, seed, guidanceScale });
  await images[0]?.save(join(out, `${id}.png`));
}
await client.dispose();
