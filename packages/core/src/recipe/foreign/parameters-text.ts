import { type Setting, scanSettings } from "./settings-line.ts";

/** The parts of a `parameters` text. */
export interface ParametersText {
  prompt: string;
  negativePrompt: string;
  /** By key; of keys that come twice the last counts, as in A1111. */
  settings: Map<string, string>;
}

const negative = "Negative prompt:";
const template = /^(?:negative )?template:/i;

/**
 * Splits a text as A1111's own reader does: the last line holds the settings if it has three or more, all else is the prompt, from the
 * first line that begins with `Negative prompt:` on the negative one. Lines with a prompt's template, which SD.Next writes before the
 * settings and an extension of A1111's after them, are left out.
 *
 * @returns undefined where no line holds settings.
 */
export function splitParameters(text: string): ParametersText | undefined {
  const lines = text.trim().split(/\r?\n/);
  const last = lines.findLastIndex((line) => !template.test(line.trim()));
  const line = lines[last]?.trim() ?? "";
  const piped = pipedSettings(lines.slice(0, last + 1));
  if (piped !== undefined) return piped;
  const found = scanSettings(line);
  if (!isSettings(line, found)) return undefined;
  // A1111 passes over what has no value, also where the same key had one before.
  const settings = new Map(found.filter(([, value]) => value !== ""));
  const isNext = settings.get("App") === "SD.Next" || settings.has("Operations") || settings.has("Backend");
  return { ...splitPrompts(lines.slice(0, last), isNext), settings };
}

/** A line of ours is one however few its settings are. */
function isSettings(line: string, found: readonly Setting[]): boolean {
  return found.length >= 3 || (found.length > 0 && /(?:^|, )Version: LatentKit\b/.test(line));
}

function splitPrompts(lines: readonly string[], cutsTemplates: boolean): Omit<ParametersText, "settings"> {
  const parts: { prompt: string[]; negativePrompt: string[] } = { prompt: [], negativePrompt: [] };
  let part: keyof typeof parts = "prompt";
  let isTemplate = false;
  for (const line of lines.map((text) => text.trim())) {
    const isNegative = line.startsWith(negative);
    isTemplate = !isNegative && cutsTemplates && (isTemplate || template.test(line));
    if (isNegative) part = "negativePrompt";
    if (!isTemplate) parts[part].push(isNegative ? line.slice(negative.length).trim() : line);
  }
  return { prompt: parts.prompt.join("\n").trim(), negativePrompt: parts.negativePrompt.join("\n").trim() };
}

/** SD.Next shows settings with bars between them, further settings in the lines before, and names the prompt too. */
function pipedSettings(lines: readonly string[]): ParametersText | undefined {
  const last = lines.at(-1) ?? "";
  const parts = last.split(" | ");
  if (parts.length < 3 || !parts.every((part) => /^\s*[\w-][\w -]*: ?\S/.test(part))) return undefined;
  const isMore = (line: string) => /^(?:Version|Pipeline|App|Backend|Operations): /.test(line);
  const first = lines.findIndex((line) => isMore(line.trim()));
  const above = first < 0 ? lines.length - 1 : first;
  const settings = [...lines.slice(above, -1), ...parts].flatMap((part) => scanSettings(part.trim()));
  const { prompt, negativePrompt } = splitPrompts(lines.slice(0, above), true);
  return { prompt: prompt.replace(/^prompt: ?/i, ""), negativePrompt, settings: new Map(settings) };
}
