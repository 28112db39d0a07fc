import { type GenerationRequest, InvalidRequestError } from "@latentkit/core";

/** This backend has no options of its own yet, so each that is given is a mistake. @throws InvalidRequestError naming each. */
export function refuseOwnOptions({ backendOptions }: GenerationRequest): void {
  const names = Object.keys(backendOptions.local ?? {});
  if (names.length === 0) return;
  const message = "is not known: the local backend has no options of its own; leave it out";
  throw new InvalidRequestError(
    names.map((name) => ({ field: `backendOptions.local.${name}`, message })),
    { backend: "local" },
  );
}
