import { InvalidRequestError } from "@latentkit/core";

/** The error of one of a request's fields: what is wrong with it, or what would be right. */
export function invalidField(field: string, message: string, cause?: unknown): InvalidRequestError {
  return new InvalidRequestError([{ field, message }], { backend: "local", cause });
}
