import { type GenerationRequest, InvalidRequestError } from "@latentkit/core";
import { z } from "zod";
import type { Family } from "./families/family.ts";

/** Checks `backendOptions.local` against what the model's family takes. @throws InvalidRequestError naming each option. */
export function checkOwnOptions({ backendOptions }: GenerationRequest, family: Family): void {
  const { title, requestOptions = z.strictObject({}) } = family;
  const result = requestOptions.safeParse(backendOptions.local ?? {});
  if (result.success) return;
  const known = Object.keys(requestOptions.shape);
  const takes = known.length === 0 ? "takes none: leave it out" : `takes ${known.join(", ")}`;
  const issues = result.error.issues.flatMap((issue) => {
    const at = (path: readonly PropertyKey[]) => ["backendOptions.local", ...path.map(String)].join(".");
    if (issue.code !== "unrecognized_keys") return [{ field: at(issue.path), message: issue.message }];
    const message = `is not known: a ${title} model ${takes}`;
    return issue.keys.map((key) => ({ field: at([...issue.path, key]), message }));
  });
  throw new InvalidRequestError(issues, { backend: "local" });
}
