import type { Command, Option } from "commander";

/** What may stand at the end of a command line. */
export interface Candidate {
  value: string;
  description: string;
}

/** Values that flags take, by the flag's name without its dashes. */
export type KnownValues = Readonly<Record<string, readonly string[]>>;

/**
 * What the last of some words may become: a subcommand, a flag, or a flag's value. Nothing where any text or file may stand.
 *
 * @param words what stands after the program's name, the last one unfinished, perhaps empty; bash parts `--flag=value` in three.
 */
export function candidates(program: Command, words: readonly string[], known: KnownValues): Candidate[] {
  const before = joined(words.slice(0, -1));
  const last = before.at(-1)?.endsWith("=")
    ? `${before.pop()}${words.at(-1)}`
    : words.at(-1) === "="
      ? `${before.pop()}=`
      : (words.at(-1) ?? "");
  const { command, isBare } = commandOf(program, before);
  const [, name, typed] = /^(--[\w-]+)=(.*)$/s.exec(last) ?? [];
  const flag = name ?? before.at(-1);
  const option = flag === undefined ? undefined : optionOf(command, flag);
  // As the shell wants it: with bash's parting of the words, the value alone.
  if (option !== undefined && takesValue(option) && (name !== undefined || option.required))
    return valuesOf(option, known).filter(({ value }) => value.startsWith(typed ?? last));
  if (last.startsWith("-")) {
    return command
      .createHelp()
      .visibleOptions(command)
      .map(({ long, short, description }) => ({ value: long ?? short ?? "", description }))
      .filter(({ value }) => value.startsWith(last));
  }
  if (!isBare) return [];
  return command
    .createHelp()
    .visibleCommands(command)
    .map((sub) => ({ value: sub.name(), description: sub.description() }))
    .concat((command.registeredArguments[0]?.argChoices ?? []).map((value) => ({ value, description: "" })))
    .filter(({ value }) => value.startsWith(last));
}

/** bash's `--flag`, `=`, `value` as one word again; an `=` at the end waits for its value. */
function joined(words: readonly string[]): string[] {
  const whole: string[] = [];
  for (const word of words) {
    if (word === "=" && whole.length > 0) whole.push(`${whole.pop()}=`);
    else if (/^--[\w-]+=$/.test(whole.at(-1) ?? "")) whole.push(`${whole.pop()}${word}`);
    else whole.push(word);
  }
  return whole;
}

/** The command that the words lead to, and whether no argument of its own stands there yet. */
function commandOf(program: Command, words: readonly string[]): { command: Command; isBare: boolean } {
  let command = program;
  let isBare = true;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word.startsWith("-")) {
      const option = optionOf(command, word);
      if (option?.required && !word.includes("=")) i++;
      continue;
    }
    const sub = isBare
      ? command.commands.find((each) => each.name() === word || each.aliases().includes(word))
      : undefined;
    if (sub === undefined) isBare = false;
    else command = sub;
  }
  return { command, isBare };
}

function optionOf(command: Command, word: string): Option | undefined {
  const name = word.split("=")[0];
  return command.options.find(({ long, short }) => long === name || short === name);
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function valuesOf(option: Option, known: KnownValues): Candidate[] {
  const name = option.long?.slice(2) ?? "";
  const values = option.argChoices ?? (Object.hasOwn(known, name) ? known[name]! : []);
  return values.map((value) => ({ value, description: "" }));
}
