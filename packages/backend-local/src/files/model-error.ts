import { ModelError } from "@latentkit/core";

/** Why a model's files were refused. */
export type ModelProblem = "missing" | "malformed" | "unsupported" | "shape" | "pickle";

/** Where in the model's files the problem lies. */
export interface ModelErrorPlace {
  /** Path of the file, or of the folder that lacks one. */
  file?: string | undefined;
  /** Name of the tensor in the file. */
  tensor?: string | undefined;
  /** Name of the configuration option. */
  option?: string | undefined;
  cause?: unknown;
}

/** The one place where this package makes a {@link ModelError}: `details` carries `problem`, `file`, `tensor`, `option`. */
export function modelError(problem: ModelProblem, message: string, place: ModelErrorPlace = {}): ModelError {
  const { cause, ...where } = place;
  const named = Object.fromEntries(Object.entries(where).filter(([, value]) => value !== undefined));
  return new ModelError(message, {
    backend: "local",
    details: { problem, ...named },
    ...(cause === undefined ? {} : { cause }),
  });
}
