import { InvalidRequestError } from "@latentkit/core";

const maxFields = 200;

/**
 * Reads `multipart/form-data`, by the platform's own parser, from a body that has been read within its limits.
 *
 * @throws InvalidRequestError where it is none, is cut off, or has too many fields.
 */
export async function readForm(bytes: Uint8Array<ArrayBuffer>, contentType: string): Promise<FormData> {
  let form: FormData;
  try {
    form = await new Response(bytes, { headers: { "content-type": contentType } }).formData();
  } catch (cause) {
    throw new InvalidRequestError([{ field: "", message: "the body is no whole multipart/form-data" }], { cause });
  }
  if ([...form.keys()].length > maxFields)
    throw new InvalidRequestError([{ field: "", message: `the form has more than ${maxFields} fields` }]);
  return form;
}
