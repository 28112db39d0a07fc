import {
  flowSchedulerOptions,
  type OptionSpec,
  type OptionSpecs,
  samplerOptions,
  schedulerOptions,
} from "../../packages/core/src/diffusion/index.ts";

/** The document that lists the options. */
export const document = new URL("../../docs/samplers.md", import.meta.url);

/** The document with its lists of options written anew, from the tables that requests are checked with. */
export function withOptionTables(text: string): string {
  const parts = {
    "sampler options": table("Sampler", samplerOptions),
    "scheduler options": table("Scheduler", { ...schedulerOptions, "any, on a flow model": flowSchedulerOptions }),
  };
  return Object.entries(parts).reduce((all, [name, lines]) => {
    const [start, end] = [`<!-- ${name}: node tools/docs/options.ts -->`, `<!-- end of ${name} -->`];
    const [from, to] = [all.indexOf(start), all.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`${document.pathname} has no place for the ${name}: ${start} … ${end}`);
    return `${all.slice(0, from + start.length)}\n\n${lines}\n\n${all.slice(to)}`;
  }, text);
}

/** Samplers with the same options share a row. */
function table(title: string, owners: Readonly<Record<string, OptionSpecs>>): string {
  const rows = new Map<string, string[]>();
  for (const [name, specs] of Object.entries(owners)) {
    const options = Object.entries(specs).map(([option, spec]) => `\`${option}\` ${describe(spec)}`);
    const cell = options.join("; ") || "–";
    rows.set(cell, [...(rows.get(cell) ?? []), /^\w+$/.test(name) ? `\`${name}\`` : name]);
  }
  const lines = Array.from(rows, ([cell, names]) => `| ${names.join(", ")} | ${cell} |`);
  return [`| ${title} | Options, their range and (default) |`, "| --- | --- |", ...lines].join("\n");
}

function short(value: number): string {
  return value !== 0 && (value < 1e-3 || value >= 1e6) ? value.toExponential().replace("+", "") : String(value);
}

function describe(spec: OptionSpec): string {
  const range =
    spec.kind === "number"
      ? `${short(spec.min)} to ${short(spec.max)}`
      : spec.kind === "choice"
        ? spec.values.map((value) => `\`${value}\``).join(", ")
        : "true, false";
  const flow = spec.kind === "number" && spec.flowMax !== undefined ? `, ${spec.flowMax} on flow models` : "";
  return `${range}${flow}${spec.default === undefined ? "" : ` (${spec.default})`}`;
}
