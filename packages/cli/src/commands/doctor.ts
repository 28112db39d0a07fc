import { cpus, totalmem } from "node:os";
import type { DeviceInfo, DevicesInfo } from "@latentkit/backend-local";
import { ConfigError } from "@latentkit/core";
import { Command } from "commander";
import type { MakeCommand } from "../run-cli.ts";
import { columns } from "../terminal/columns.ts";

interface DoctorFlags {
  onnxruntime?: string;
  json?: boolean;
}

/** `latentkit doctor`: what this machine has to compute on, and what is missing. */
export const doctorCommand: MakeCommand = ({ stdout }) =>
  new Command("doctor")
    .description("try the CPU and every GPU of this machine, and say what is missing where one can't be used")
    .option(
      "--onnxruntime <folder>",
      "the onnxruntime-node to try (default: LATENTKIT_ONNXRUNTIME, else the installed one)",
    )
    .option("--json", "print one JSON object: node, platform, onnxruntime, cards, devices, auto")
    .addHelpText("after", help)
    .allowExcessArguments(false)
    .action(async ({ onnxruntime, json }: DoctorFlags) => {
      const { inspectDevices } = await import("@latentkit/backend-local");
      const found = await inspectDevices(onnxruntime === undefined ? {} : { onnxruntime });
      const machine = { node: process.version, platform: `${process.platform}-${process.arch}` };
      stdout.write(`${json ? JSON.stringify({ ...machine, ...found }, undefined, 2) : table(machine, found)}\n`);
      const [cpu] = found.devices;
      if (!cpu?.usable) throw new ConfigError(`nothing can be drawn here: ${cpu?.why ?? "the CPU cannot be used"}`);
    });

const help = `
Each device is tried in a process of its own, with products, convolutions, norms and attention held to double precision. A kernel that is wrong is
not used. What is found is kept for a week, or until a driver changes; this command always tries anew.`;

function table({ node, platform }: { node: string; platform: string }, found: DevicesInfo): string {
  const { onnxruntime, cards, devices, auto } = found;
  const [processor] = cpus();
  const rows: [string, string][] = [
    [
      "machine",
      `${platform}, ${cpus().length} × ${processor?.model ?? "unknown"}, ${(totalmem() / 1e9).toFixed(0)} GB`,
    ],
    ["node", node],
    [
      "onnxruntime",
      `${onnxruntime.version ?? "none"}${onnxruntime.place === undefined ? "" : ` in ${onnxruntime.place}`}`,
    ],
    ["cards", cards.join(", ")],
    ...devices.flatMap(rowsOf),
    ["auto", `${auto.name}, ${auto.precision}: ${auto.reason}`],
  ];
  return columns(rows.filter(([, value]) => value !== ""));
}

function rowsOf({ name, usable, why, hint, float16, unused, errors, gflops, ms }: DeviceInfo): [string, string][] {
  if (!usable)
    return [
      [name, `no: ${why ?? "it cannot be used"}`],
      ...(hint === undefined ? [] : [["", hint] as [string, string]]),
    ];
  const used = Object.entries(errors).filter(([kind]) => !unused.some((family) => family === kind));
  const said = [
    `${gflops} GFLOP/s`,
    float16 || name === "cpu" ? "" : "no float16",
    `kernels within ${Math.max(0, ...used.map(([, error]) => error ?? 0)).toExponential(0)}`,
    ...unused.map(
      (kind) => `but its ${kind}, off by ${(100 * (errors[kind] ?? Number.NaN)).toPrecision(2)}%, is not used`,
    ),
    `(${(ms / 1000).toFixed(1)} s)`,
  ];
  return [[name, `works: ${said.filter((part) => part !== "").join(", ")}`]];
}
