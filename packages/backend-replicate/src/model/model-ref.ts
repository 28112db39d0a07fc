import { InvalidRequestError } from "@latentkit/core";

/** What `model` may name on Replicate. */
export type ModelRef =
  | { kind: "model"; owner: string; name: string }
  | { kind: "version"; owner: string; name: string; version: string }
  | { kind: "deployment"; owner: string; name: string };

const part = "[A-Za-z0-9][\\w.-]*";
const owned = new RegExp(`^(${part})/(${part})(?::([\\w.-]+))?$`);
const deployed = new RegExp(`^deployments/(${part})/(${part})$`);

/**
 * Reads `owner/name`, `owner/name:version`, or `deployments/owner/name`.
 *
 * @throws InvalidRequestError for anything else.
 */
export function parseModelRef(model: string): ModelRef {
  const deployment = deployed.exec(model);
  if (deployment !== null) return { kind: "deployment", owner: deployment[1]!, name: deployment[2]! };
  const [, owner, name, version] = owned.exec(model) ?? [];
  if (owner !== undefined && name !== undefined)
    return version === undefined ? { kind: "model", owner, name } : { kind: "version", owner, name, version };
  throw new InvalidRequestError([
    {
      field: "model",
      message: `"${model}" is not a model on Replicate: write owner/name, owner/name:version or deployments/owner/name`,
    },
  ]);
}
