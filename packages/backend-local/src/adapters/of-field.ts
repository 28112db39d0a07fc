import { ModelError } from "@latentkit/core";
import { invalidField } from "../invalid-field.ts";

/** Reads what a request's field names: what is wrong with the file is the request's, and its field is named. */
export async function ofField<T>(field: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!ModelError.isInstance(error)) throw error;
    throw invalidField(field, error.message, error);
  }
}
