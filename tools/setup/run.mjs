#!/usr/bin/env node
// Does all the set-up a fresh clone needs, then one command. Plain JavaScript for Node 20: nothing is installed yet.
import { buildPackages } from "./build.mjs";
import { installPackages } from "./install.mjs";
import { root, runProgram, SetupError } from "./shell.mjs";
import { toolchain } from "./toolchain.mjs";

const usage = `Usage: node tools/setup/run.mjs <command>
  setup               install the right Node and pnpm where needed, the packages, and build
  demo [prompt]       make a picture with the embedded model
  test [arguments]    run the tests (arguments go to vitest)
  check [names]       run the gate, or only the named checks
  exec program [...]  run a program with the right Node, pnpm and the workspace's tools on the PATH`;

const commands = {
  setup: () => 0,
  demo: (tools, words) => demo(tools, words),
  test: (tools, args) => tools.node(["node_modules/vitest/vitest.mjs", "run", ...args]),
  check: (tools, names) => tools.node(["tools/check/run.ts", ...names]),
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

function demo(tools, words) {
  const prompt = words.join(" ").trim() || "a red apple on a blue background";
  const file = `${
    prompt
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, "-")
      .replace(/^-|-$/g, "")
      .slice(0, 60) || "picture"
  }.png`;
  const cli = "packages/cli/bin/latentkit.js";
  return tools.node([
    cli,
    "generate",
    "--backend",
    "local",
    "--prompt",
    prompt,
    "--seed",
    "7",
    "--out",
    file,
    "--force",
  ]);
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
