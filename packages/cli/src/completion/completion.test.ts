import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runInside } from "../testing/latentkit.ts";
import { scripts, shells } from "./scripts.ts";

async function complete(...words: string[]): Promise<string[]> {
  const { code, stdout } = await runInside(["complete", "--", ...words]);
  expect(code).toBe(0);
  return stdout.split("\n").flatMap((line) => (line === "" ? [] : [line.split("\t")[0]!]));
}

describe("what may stand next", () => {
  it.each<[string[], string[]]>([
    [["gen"], ["generate"]],
    [["models", "in"], ["info"]],
    [["completion", ""], [...shells]],
    [["generate", "--guidance-m"], ["--guidance-mode"]],
    [
      ["generate", "a fox", "--backend", ""],
      ["local", "replicate", "comfy", "http", "openai", "ai-sdk", "queue", "a1111"],
    ],
    [["generate", "--sampler", "dpmpp_2m_sde_"], ["dpmpp_2m_sde_heun"]],
    [["generate", "--sampler=dpmpp_2m_sde_"], ["dpmpp_2m_sde_heun"]],
    // bash's parting of the same words.
    [["generate", "--sampler", "=", "dpmpp_2m_sde_"], ["dpmpp_2m_sde_heun"]],
    [
      ["generate", "--format", "="],
      ["png", "jpeg", "webp"],
    ],
    [["generate", "--steps", "4", "--task", "in"], ["inpaint"]],
    [
      ["generate", "--on-unsupported", ""],
      ["error", "warn"],
    ],
    // Any text or file may stand here.
    [["generate", "--image", ""], []],
    [["generate", "a"], []],
    [["generate", "--prompt", "--st"], []],
    [["nonsense", ""], []],
  ])("%j", async (words, expected) => {
    expect(await complete(...words)).toEqual(expected);
  });

  it("is every command, and none that is hidden", async () => {
    const found = await complete("");
    expect(found).toEqual(expect.arrayContaining(["generate", "recipe", "models", "samplers", "capabilities"]));
    expect(found).not.toContain("complete");
    expect(await complete("generate", "--n")).not.toContain("--num-inference-steps");
  });

  it("has a description beside it", async () => {
    expect((await runInside(["complete", "--", "gen"])).stdout).toBe("generate\tmake pictures from a prompt\n");
  });
});

const run = promisify(execFile);
const hasShell = async (shell: string) =>
  run(shell, ["--version"]).then(
    () => true,
    () => false,
  );
const inBash = `
source ./script
words() { COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); _latentkit; printf '%s\\n' "\${COMPREPLY[@]}"; }
words latentkit gen
words latentkit generate "a 'fox" --sampler = dpmpp_2m_sde_
words latentkit generate '"$(touch evaluated)' --format j
words latentkit generate --image ""
complete -p latentkit
ls`;
const inZsh = `
autoload -Uz compinit && compinit -u -D
source ./script
_describe() { print -l -- \${(P)2%%:*} }
_files() { print files }
compset() { true }
words=(latentkit gen) CURRENT=2; _latentkit
words=(latentkit generate 'a fox' --sampler dpmpp_2m_sde_) CURRENT=5; _latentkit
words=(latentkit generate --image '') CURRENT=4; _latentkit
print \${_comps[latentkit]}`;
const inFish = `
source ./script
complete -C 'latentkit gen'
complete -C 'latentkit generate "a fox" --sampler dpmpp_2m_sde_'
complete -C 'latentkit generate --sampler=dpmpp_2m_sde_'`;

describe("the scripts, in the shells themselves", async () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "latentkit-completion-"));
    const main = fileURLToPath(new URL("../main.ts", import.meta.url));
    const program = `#!/bin/sh\nexec "${process.execPath}" --conditions=latentkit-source "${main}" "$@"\n`;
    await mkdir(join(folder, "bin"));
    await writeFile(join(folder, "bin", "latentkit"), program);
    await chmod(join(folder, "bin", "latentkit"), 0o755);
    await mkdir(join(folder, "work"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const lines = async (shell: "bash" | "zsh" | "fish", text: string) => {
    await writeFile(join(folder, "work", "script"), scripts[shell]);
    const env = { ...process.env, HOME: folder, PATH: `${join(folder, "bin")}${delimiter}${process.env.PATH}` };
    const { stdout, stderr } = await run(shell, ["-c", text], { cwd: join(folder, "work"), env });
    expect(stderr).toBe("");
    return stdout.trim().split("\n");
  };

  it.skipIf(!(await hasShell("bash")))("bash", async () => {
    expect(await lines("bash", inBash)).toEqual([
      "generate",
      "dpmpp_2m_sde_heun",
      "jpeg",
      "",
      "complete -o default -F _latentkit latentkit",
      // What was typed was not run.
      "script",
    ]);
  });

  it.skipIf(!(await hasShell("zsh")))("zsh", async () => {
    expect(await lines("zsh", inZsh)).toEqual(["generate", "dpmpp_2m_sde_heun", "files", "_latentkit"]);
  });

  it.skipIf(!(await hasShell("fish")))("fish", async () => {
    const found = (await lines("fish", inFish)).map((line) => line.split("\t")[0]);
    expect(found).toEqual(["generate", "dpmpp_2m_sde_heun", "--sampler=dpmpp_2m_sde_heun"]);
  });
});
