import type { ModelIdentity } from "@latentkit/core";
import type { ModelSchema } from "./input-schema.ts";

/** A model that is known: what it takes, and how a prediction of it is created. */
export interface ResolvedModel {
  /** The reference to put into a recipe: with the version where one is known. A Cog server's model has none. */
  ref: string | undefined;
  owner: string | undefined;
  name: string | undefined;
  identity: ModelIdentity;
  schema: ModelSchema;
  /** Where a prediction is created. */
  create: { path: string; version?: string };
}
