/** A prompt that a document shows, and where. */
export interface ShownPrompt {
  prompt: string;
  line: number;
}

/** What names another model than the embedded one: it may draw anything. */
const others =
  /\b(comfy|replicate|openai|aiSdk|http|ownBackend|gradient)\(|local\(\{[^}]*model|backend: "(?:comfy|replicate)"|--backend (?:comfy|replicate)|--model|--url|--recipe|model: "|checkpoint/;

/** A prompt in TypeScript, JSON, or behind a flag or command of the command line. */
const prompts = [
  /\bprompt"?: (["'`])(?<prompt>(?:(?!\1).)*)\1/g,
  /--prompt (["'])(?<prompt>(?:(?!\1).)+)\1/g,
  /latentkit generate (["'])(?<prompt>(?:(?!\1).)+)\1/g,
];

/**
 * The prompts that a document has the embedded model draw: in its code blocks, but those that name another model; in a shell's block line by
 * line. A prompt of placeholders (`…`, `<…>`, `${…}`) is none.
 */
export function promptsOf(markdown: string): ShownPrompt[] {
  const found: ShownPrompt[] = [];
  for (const block of markdown.matchAll(/^```(\w*)[^\n]*\n(.*?)^```/gms)) {
    const [, language = "", text = ""] = block;
    const first = markdown.slice(0, block.index).split("\n").length + 1;
    const isShell = /^(sh|bash|console|)$/.test(language);
    if (!isShell && others.test(text)) continue;
    const lines = text.split("\n");
    for (const [i, line] of lines.entries()) {
      if (isShell && others.test(line)) continue;
      for (const pattern of prompts)
        for (const { groups } of line.matchAll(pattern)) found.push({ prompt: groups!.prompt!, line: first + i });
    }
  }
  return found.filter(({ prompt }) => !/…|<|\$\{|^-$/.test(prompt) && prompt !== "");
}
