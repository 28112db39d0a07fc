import { ConfigError } from "../errors/config-error.ts";

/** What the inputs of requests may be, and where they may come from. Every limit has a default that is safe with strangers' requests. */
export interface InputRules {
  /**
   * Hosts that pictures and latents may be fetched from: `"example.com"`, `"*.example.com"` for any below it, `"example.com:8443"` for one
   * port. Default: any public host.
   */
  allowHosts?: readonly string[] | undefined;
  /** Whether URLs may lead to addresses that are not public: this machine, private networks, link-local ones. Default false. */
  allowPrivate?: boolean | undefined;
  /** Larger inputs are refused, before they are read as a whole. Default: 64 MiB from a URL, 256 MiB from a file or as bytes. */
  maxBytes?: number | undefined;
  /** Longest time to fetch one input, and longest time to decode one, in milliseconds. Default 30 000. */
  timeoutMs?: number | undefined;
}

/** As a backend is given them: the client's `inputs` and its `maxInputPixels`. */
export interface CallInputs extends InputRules {
  /** Pictures of more pixels are refused by their header. Default 64 million. */
  maxPixels?: number | undefined;
}

/** @throws ConfigError naming the option that is wrong. */
export function checkInputRules(rules: InputRules = {}, maxInputPixels?: number): CallInputs {
  const { allowHosts, allowPrivate, maxBytes, timeoutMs } = rules;
  const fail = (what: string) => {
    throw new ConfigError(what);
  };
  if (typeof rules !== "object" || rules === null) fail("inputs: must be an object");
  const known = ["allowHosts", "allowPrivate", "maxBytes", "timeoutMs"];
  const unknown = Object.keys(rules).find((key) => !known.includes(key));
  if (unknown !== undefined) fail(`inputs.${unknown}: is not an option; use ${known.join(", ")}`);
  if (
    allowHosts !== undefined &&
    !(Array.isArray(allowHosts) && allowHosts.every((host) => typeof host === "string" && host !== ""))
  )
    fail('inputs.allowHosts: must be a list of hosts, such as "images.example.com"');
  if (allowPrivate !== undefined && typeof allowPrivate !== "boolean")
    fail("inputs.allowPrivate: must be true or false");
  if (!isPositive(maxBytes)) fail("inputs.maxBytes: must be a number of bytes above 0");
  if (!isPositive(timeoutMs) || (timeoutMs ?? 0) > 2 ** 31 - 1)
    fail("inputs.timeoutMs: must be a number of milliseconds above 0");
  if (!isPositive(maxInputPixels)) fail("maxInputPixels: must be a number of pixels above 0");
  return { ...rules, ...(maxInputPixels === undefined ? {} : { maxPixels: maxInputPixels }) };
}

function isPositive(value: unknown): boolean {
  return value === undefined || (typeof value === "number" && value > 0);
}
