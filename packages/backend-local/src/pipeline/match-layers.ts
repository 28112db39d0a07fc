import { runInNewContext } from "node:vm";
import { InvalidRequestError, type Issue } from "@latentkit/core";

const field = "guidance.pagLayers";
/** Milliseconds for all of them: a regular expression can take ages for a name, and these come from requests. */
const matchingLimit = 500;

/**
 * The `names` in which any of the regular expressions `patterns` is found, as with diffusers' `pag_applied_layers`. The
 * short names of its first version work too: `"down.block_1"`, `"up.block_0.attentions_1"`.
 *
 * @throws InvalidRequestError for a pattern that is found in none or is no regular expression, listing the names.
 */
export function matchLayers(patterns: readonly string[], names: readonly string[]): string[] {
  if (names.length === 0) {
    throw invalid({
      field: "guidance.pagScale",
      message: "perturbed-attention guidance is not possible here, as the network has no self-attention: leave it out",
    });
  }
  const until = performance.now() + matchingLimit;
  const found = patterns.map((pattern, i) => {
    const matched = search(pattern, names, i, Math.max(1, Math.ceil(until - performance.now())));
    if (matched.length > 0) return matched;
    const message = `"${pattern}" is in no self-attention's name; allowed: a part of, or a regular expression for, ${names.join(", ")}`;
    throw invalid({ field: `${field}[${i}]`, message, allowed: names });
  });
  return names.filter((name) => found.some((matched) => matched.includes(name)));
}

function search(pattern: string, names: readonly string[], index: number, timeout: number): string[] {
  const short = /^(?<way>down|up)\.block_(?<block>\d+)(?:\.attentions_(?<layer>\d+))?$/.exec(pattern)?.groups;
  const layer = short?.layer === undefined ? "" : `\\.attentions\\.${short.layer}`;
  const expression = short ? `^${short.way}_blocks\\.${short.block}${layer}(\\.|$)` : pattern;
  try {
    const joined: string = runInNewContext(
      "const found = new RegExp(expression); names.filter((name) => found.test(name)).join()",
      { expression, names },
      { timeout },
    );
    return joined === "" ? [] : joined.split(",");
  } catch (cause) {
    const slow = (cause as NodeJS.ErrnoException).code === "ERR_SCRIPT_EXECUTION_TIMEOUT";
    const why = slow ? "takes too long to look for" : `is no regular expression (${(cause as Error).message})`;
    throw invalid({ field: `${field}[${index}]`, message: `"${pattern}" ${why}; give a part of a layer's name` });
  }
}

function invalid(issue: Issue): InvalidRequestError {
  return new InvalidRequestError([issue], { backend: "local" });
}
