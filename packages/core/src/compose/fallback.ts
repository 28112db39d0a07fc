import type { Backend } from "../backend.ts";
import { LatentKitError } from "../errors/latentkit-error.ts";
import { choosing } from "./choose.ts";
import { type Members, namedMembers } from "./members.ts";

/** When a fallback goes on to the next. */
export interface FallbackRules {
  /** Default `"fallback"`. */
  id?: string;
  /**
   * Codes of the errors after which the next is asked, or a function that decides. Default: all but `content_refused`. Whatever is said
   * here, it is done only where the failed job has surely ended, has made no picture, and was not the caller's own doing.
   */
  on?: readonly string[] | ((error: LatentKitError) => boolean);
}

/**
 * Asks the first backend that can do a request, and the next where that one fails before it has made anything.
 *
 * A job whose connection broke after the service had taken it may still run there and be billed: the next is then *not* asked (unless
 * the first bills nothing, `usdPerImage: 0`), and the error goes to the caller, whose handle finds the job again.
 *
 * @example
 * ```ts
 * const backend = fallback([comfy({ url, checkpoint }), replicate({ model })]);
 * ```
 * @throws ConfigError for an empty list, or a backend that stands there twice.
 */
export function fallback(members: Members, rules: FallbackRules = {}): Backend {
  const { id = "fallback", on } = rules;
  const goesOn = (error: unknown): boolean => {
    if (!LatentKitError.isInstance(error)) return true;
    if (typeof on === "function") return on(error);
    return on === undefined ? error.code !== "content_refused" : on.includes(error.code);
  };
  return choosing({ id, members: namedMembers(members, id), order: (candidates) => candidates, goesOn });
}
