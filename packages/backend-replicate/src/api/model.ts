import * as z from "zod";

/** A version of a model, with the OpenAPI schema of its input and output. */
export const VersionSchema = z.looseObject({
  id: z.string().min(1),
  created_at: z.string().nullish(),
  cog_version: z.string().nullish(),
  openapi_schema: z.unknown().optional(),
});
/** A model. Official ones are run by name, and their versions are hidden. */
export const ModelSchema = z.looseObject({
  owner: z.string(),
  name: z.string(),
  visibility: z.string().nullish(),
  is_official: z.boolean().nullish(),
  latest_version: VersionSchema.nullish(),
});
/** A deployment: a model version on hardware of one's own choice. */
export const DeploymentSchema = z.looseObject({
  owner: z.string(),
  name: z.string(),
  current_release: z.looseObject({ model: z.string(), version: z.string() }),
});
