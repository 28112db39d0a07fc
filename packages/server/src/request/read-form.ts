import { InvalidRequestError } from "@latentkit/core";

const maxFields = 200;

/**
 * Reads `multipart/form-data`, by the platform's own parser, from a body that has been read within its limits.
 *
 * @throws InvalidRequestError where it is none, is cut off, or has too many fields.
 */
export async function readForm(bytes: Uint8Array<ArrayBuffer>, contentType: string): Promise<FormData> {
  const tooMany = () => new InvalidRequestError([{ field: "", message: `the form has more than ${maxFields} fields` }]);
  // The parser makes objects of each part, whatever their number.
  if (hasMoreParts(bytes, contentType)) throw tooMany();
  let form: FormData;
  try {
    form = await new Response(bytes, { headers: { "content-type": contentType } }).formData();
  } catch (cause) {
    throw new InvalidRequestError([{ field: "", message: "the body is no whole multipart/form-data" }], { cause });
  }
  if ([...form.keys()].length > maxFields) throw tooMany();
  return form;
}

/** Whether the boundary of RFC 2046, section 5.1.1, stands more often between the parts than there may be fields. */
function hasMoreParts(bytes: Uint8Array, contentType: string): boolean {
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(contentType) ?? [];
  const boundary = quoted ?? plain;
  if (boundary === undefined) return false;
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let parts = 0;
  for (
    let at = body.indexOf(`--${boundary}`);
    at >= 0 && parts <= maxFields + 1;
    at = body.indexOf(`\n--${boundary}`, at + 1)
  )
    parts++;
  return parts > maxFields + 1;
}
