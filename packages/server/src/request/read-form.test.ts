import { expect, it, vi } from "vitest";
import { readForm } from "./read-form.ts";

const form = (fields: number) => {
  const part = (i: number) => `--b\r\ncontent-disposition: form-data; name="f${i}"\r\n\r\n1\r\n`;
  return new TextEncoder().encode(`${Array.from({ length: fields }, (_, i) => part(i)).join("")}--b--\r\n`);
};

it.each(["multipart/form-data; boundary=b", 'multipart/form-data; charset=utf-8; boundary="b"'])(
  "counts a form's parts before any is read (%s)",
  async (type) => {
    const parse = vi.spyOn(Response.prototype, "formData");
    await expect(readForm(form(201), type)).rejects.toThrow("more than 200 fields");
    expect(parse).not.toHaveBeenCalled();
    expect([...(await readForm(form(200), type)).keys()]).toHaveLength(200);
    expect(parse).toHaveBeenCalledOnce();
    parse.mockRestore();
  },
);
