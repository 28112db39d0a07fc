import { glob, readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { runInside } from "../../packages/cli/src/testing/latentkit.ts";
import { readVocabulary } from "../../packages/tiny-model/src/index.ts";
import { documents } from "../check/documents.ts";
import { promptsOf, type ShownPrompt } from "./prompts.ts";

const { words } = await readVocabulary();

/** Prompts with words that the embedded model does not know. */
function undrawable(prompts: readonly ShownPrompt[]): string[] {
  return prompts
    .filter(({ prompt }) =>
      (prompt.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).some(
        (word) => !words.includes(word) && !/^\d+$/.test(word),
      ),
    )
    .map(({ prompt, line }) => `line ${line}: ${prompt}`);
}

const examples = await Array.fromAsync(glob("examples/**/*.ts", { exclude: (name) => name.includes("node_modules") }));

describe("what a newcomer sees has the embedded model draw nothing that it can't", () => {
  test.each(documents())("%s", async (file) => {
    expect(undrawable(promptsOf(await readFile(file, "utf8")))).toEqual([]);
  });

  test.each(examples.filter((file) => !file.endsWith(".test.ts")))("%s", async (file) => {
    expect(undrawable(promptsOf(`\`\`\`ts\n${await readFile(file, "utf8")}\`\`\``))).toEqual([]);
  });

  test.each(["generate", "replay", "recipe", "models", "samplers", "completion"])(
    "latentkit %s --help",
    async (name) => {
      const { stdout } = await runInside([name, "--help"]);
      expect(undrawable(promptsOf(`\`\`\`sh\n${stdout}\`\`\``))).toEqual([]);
    },
  );
});

test("prompts are found where documents show them", () => {
  const text = [
    "```ts",
    'client.generate({ prompt: "a fox", seed: 1 });',
    "```",
    "```ts",
    "createClient({ backend: comfy({}) });",
    'client.generate({ prompt: "a bear", seed: 1 });',
    "```",
    "```sh",
    'latentkit generate "a wolf" --seed 7',
    "latentkit generate --prompt 'a lynx' --seed 7",
    'latentkit generate "an owl" --model ./sd15',
    "```",
  ].join("\n");
  expect(promptsOf(text)).toEqual([
    { prompt: "a fox", line: 2 },
    { prompt: "a wolf", line: 9 },
    { prompt: "a lynx", line: 10 },
  ]);
});
