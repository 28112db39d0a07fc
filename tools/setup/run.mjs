#!/usr/bin/env node
// Does all the set-up a fresh clone needs, then one command. Plain JavaScript for Node 20: nothing is installed yet.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { buildPackages } from "./build.mjs";
import { installPackages } from "./install.mjs";
import { root, runProgram, SetupError } from "./shell.mjs";
import { toolchain } from "./toolchain.mjs";

const usage = `Usage: node tools/setup/run.mjs <command>
  setup               install the right Node and pnpm where needed, the packages, and build
  demo [prompt]       make a picture with the embedded model
  test [arguments]    run the tests (arguments go to vitest)
  check [names]       run the gate, or only the named checks
  bench [names]       print the measured figures
  soak [kinds]        try hostile inputs of every kind for some minutes; figures: what harm they can do
  registry            serve the packages to projects on this machine, as npm's registry would (README)
  exec program [...]  run a program with the right Node, pnpm and the workspace's tools on the PATH`;

const commands = {
  setup: () => 0,
  demo: (tools, words) => demo(tools, words),
  test: (tools, args) => tools.node(["node_modules/vitest/vitest.mjs", "run", ...args]),
  check: (tools, names) => tools.node(["tools/check/run.ts", ...names]),
  bench: (tools, names) => bench(tools, names),
  soak: (tools, args) => tools.node(["--conditions=latentkit-source", "--expose-gc", "tools/soak/run.ts", ...args]),
  registry: (tools) => tools.node(["tools/registry/serve.ts"]),
  exec: (tools, [program, ...args]) => runProgram(program, args, { env: tools.env }),
};

async function main([name = "", ...args]) {
  const command = commands[name];
  if (command === undefined || (name === "exec" && args.length === 0)) {
    console.error(usage);
    return 2;
  }
  const tools = await toolchain();
  await installPackages(tools);
  await buildPackages(tools);
  return command(tools, args);
}

/** One picture by the embedded model, through the command line; the same prompt gives the same picture. */
function demo(tools, words) {
  const prompt = words.join(" ").trim() || "a red apple on a blue background";
  const name = prompt
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .replace(/^-|-$/g, "");
  const file = `${name.slice(0, 60) || "picture"}.png`;
  const request = ["--backend", "local", "--prompt", prompt, "--seed", "7", "--out", join(root, file)];
  return tools.node(["packages/cli/bin/latentkit.js", "generate", ...request]);
}

/** Benchmarks one after the other, so that none disturbs another. */
async function bench(tools, names) {
  const wanted = names.length > 0 ? names : benchmarks.filter((name) => existsSync(join(root, benchmarkFile(name))));
  for (const name of wanted) {
    const code = await tools.node(["--conditions=latentkit-source", "--expose-gc", benchmarkFile(name)]);
    if (code !== 0) return code;
  }
  return 0;
}

const benchmarks = [
  "local",
  "samplers",
  "guidance",
  "sd15-unet",
  "sdxl-unet",
  "vae-decode",
  "lora",
  "controlnet",
  "upscale",
  "quantised",
  "replicate",
  "comfy",
  "server",
  "gpu",
  "queue",
];

function benchmarkFile(name) {
  return join("tools", "bench", `${name}.ts`);
}

process.chdir(root);
main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    console.error(error instanceof SetupError ? `set-up: ${error.message}` : error);
    process.exitCode = 1;
  },
);
