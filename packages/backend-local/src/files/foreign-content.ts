/** Bytes that {@link foreignContent} looks at. */
export const contentStart = 512;

/**
 * What a file holds in place of a model's, where a download went another way: told from its first bytes. Undefined where they say
 * nothing of the kind.
 */
export function foreignContent(start: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(start.subarray(0, contentStart)).replace(/^\ufeff?\s+/, "");
  if (text.startsWith("version https://git-lfs")) {
    const size = /\nsize (\d+)/.exec(text)?.[1];
    const of = size === undefined ? "" : ` of ${size} bytes`;
    return `a Git LFS pointer, which stands for the file itself${of}; fetch that with \`git lfs pull\`, or download it`;
  }
  if (/^<(!doctype|html|\?xml|head)/i.test(text)) return "a web page, not the file that was to be downloaded";
  const answer =
    /^(entry not found|repository not found|not found|access to model|invalid (username|credentials)|unauthorized|forbidden)/i;
  const json = /^\{\s*"(error|message|detail)"\s*:\s*"/;
  if (answer.test(text) || json.test(text)) {
    const line = text.split("\n")[0]!.slice(0, 100);
    return `a server's answer, not the file that was to be downloaded: ${JSON.stringify(line)}`;
  }
  return undefined;
}
