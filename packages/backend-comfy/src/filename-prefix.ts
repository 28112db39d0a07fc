import { z } from "zod";

/**
 * Folder and name of saved files below the server's output folder. Checked here, as the server would first do all the
 * work: it saves nothing outside that folder, and gives out no file with two dots in its name.
 */
export const FilenamePrefixSchema = z
  .string()
  .min(1)
  .refine((prefix) => !prefix.includes(".."), 'must not contain "..": the server does not give out such files')
  .refine(
    (prefix) => !/^([/\\]|[a-z]:)/i.test(prefix),
    "must be below the server's output folder, such as latentkit/image",
  );
