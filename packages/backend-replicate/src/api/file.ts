import * as z from "zod";

/** A file that was uploaded as an input; `urls.get` is what a prediction is given. */
export const FileSchema = z.looseObject({
  id: z.string().min(1),
  size: z.number().nullish(),
  content_type: z.string().nullish(),
  expires_at: z.string().nullish(),
  urls: z.looseObject({ get: z.string() }),
});
