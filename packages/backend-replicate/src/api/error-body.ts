import * as z from "zod";

/** What the API says beside an HTTP status: RFC 7807 fields, and for 422 the inputs that are wrong. */
export const ErrorBodySchema = z.looseObject({
  title: z.string().optional(),
  detail: z.union([z.string(), z.array(z.unknown())]).optional(),
  status: z.union([z.number(), z.string()]).optional(),
  /** Cog's own word for it. */
  error: z.string().optional(),
  invalid_fields: z
    .array(z.looseObject({ field: z.string().optional(), description: z.string().optional() }))
    .optional(),
});
/** What the API says beside an HTTP status. */
export type ErrorBody = z.output<typeof ErrorBodySchema>;
