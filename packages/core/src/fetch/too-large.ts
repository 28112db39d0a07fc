import { InvalidRequestError } from "../errors/invalid-request-error.ts";

/** @returns what to say of an input that is larger than it may be. */
export function tooLarge(field: string, size: number, maxBytes: number): InvalidRequestError {
  const message = `has ${size} bytes or more; at most ${maxBytes} are taken`;
  return new InvalidRequestError([{ field, message, allowed: { max: maxBytes } }]);
}
