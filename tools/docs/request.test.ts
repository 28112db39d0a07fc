import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { fieldTexts } from "../../packages/core/src/request/field-texts.ts";
import type { TaskInputs } from "../../packages/core/src/request/input-types.ts";
import { requestJsonSchema } from "../../packages/core/src/request/json-schema.ts";
import type { GenerationRequestSchema } from "../../packages/core/src/request/request.ts";
import { fieldTextsModule } from "./field-texts.ts";
import { compilerError, hoverTexts } from "./hover.ts";
import { requestPage, requestPageFile } from "./request-page.ts";
import { sourcePage, sourcePages } from "./source-pages.ts";

const core = fileURLToPath(new URL("../../packages/core/src/index.ts", import.meta.url));

test("docs/request.md and the schema's texts are those of input-types.ts", () => {
  const hint = "run: node tools/docs/request.ts";
  expect(readFileSync(requestPageFile, "utf8"), hint).toBe(requestPage());
  const [, json = ""] = /FieldText>> = (\{.*\});\n$/s.exec(fieldTextsModule()) ?? [];
  expect(fieldTexts, hint).toEqual(JSON.parse(json));
});

test.each(sourcePages)("docs page $title is that of the sources", (page) => {
  expect(readFileSync(page.file, "utf8"), "run: node tools/docs/request.ts").toBe(sourcePage(page));
});

test("an editor shows each field's text, in each task", { timeout: 240_000 }, () => {
  const hovers = hoverTexts(core);
  expect(hovers.length).toBeGreaterThan(500);
  expect(hovers.filter(({ text, description }) => description === "" || !text.includes(description))).toEqual([]);
});

test("a schema has a description of each field, and its unit where it has one", () => {
  const missing: string[] = [];
  interface Rule {
    description?: string;
    properties?: Record<string, Rule>;
    items?: Rule;
    oneOf?: Rule[];
  }
  const look = (rule: Rule, path: string) => {
    for (const [name, property] of Object.entries(rule.properties ?? {})) {
      if (property.description === undefined) missing.push(`${path}.${name}`);
      look(property, `${path}.${name}`);
      const { items } = property;
      for (const item of items?.oneOf ?? (items ? [items] : [])) look(item, `${path}.${name}`);
    }
  };
  const { oneOf } = requestJsonSchema() as { oneOf: Rule[] };
  // A file's own parts are told by the file's field.
  for (const task of oneOf) look(task, String((task.properties?.task as { const?: string } | undefined)?.const));
  expect(missing).toEqual([]);
  expect(oneOf[0]?.properties?.width).toMatchObject({ type: "integer", minimum: 8, maximum: 16384, unit: "pixels" });
  expect(oneOf[0]?.properties?.count).toMatchObject({ default: 1, unit: "pictures" });
  expect(oneOf[2]?.properties?.image).toMatchObject({ anyOf: [{ type: "string" }, {}, {}, {}] });
});

test("a wrong field is a short compiler error about that field", { timeout: 240_000 }, () => {
  const error = (argument: string) => compilerError(core, argument);
  expect(error("{ steps: 4 }")).toMatch(/Property 'prompt' is missing/);
  expect(error("{ steps: 4 }")).not.toMatch(/task/);
  expect(error('{ prompt: "a", stepz: 4 }')).toMatch(/'stepz' does not exist/);
  expect(error('{ prompt: "a", steps: "4" }')).toBe("Type 'string' is not assignable to type 'number'.");
  expect(error('{ task: "inpaint", prompt: "a", image: "a.png" }')).toMatch(/Property 'mask' is missing/);
  expect(error('{ task: "upscale", image: "a.png", scal: 3 }')).toMatch(/'scal' does not exist/);
  for (const bad of ["{ steps: 4 }", '{ prompt: "a", stepz: 4 }', '{ task: "upscale", image: "a.png", scal: 3 }'])
    expect(error(bad)?.length).toBeLessThan(250);
  const good = [
    '{ prompt: "a" }',
    '{ prompt: "a", image: "a.png", mask: new Blob([]) }',
    '{ task: "inpaint", prompt: "a", image: "a.png", mask: new Uint8Array(3) }',
    '{ task: "upscale", image: "a.png", scale: 3 }',
    "{} as import('./request/input-types.ts').GenerationInput",
  ];
  for (const fine of good) expect(error(fine)).toBeUndefined();
});

/** What the schemas take, field by field, is what the documented inputs say: an error here names the task and what differs. */
type Written = (typeof GenerationRequestSchema)["_zod"]["input"];
type Of<T extends keyof TaskInputs> = Extract<Written, { task: T }>;
type Differs<A, B> = [A] extends [B] ? ([B] extends [A] ? never : "type") : "type";
type Differences<T extends keyof TaskInputs> =
  | Exclude<keyof TaskInputs[T], keyof Of<T>>
  | Exclude<keyof Of<T>, keyof TaskInputs[T]>
  | Differs<TaskInputs[T], Of<T>>;
test("the documented inputs have the fields of the schemas, of the same types", () => {
  const differences: { [T in keyof TaskInputs]: Differences<T>[] } = {
    "text-to-image": [],
    "image-to-image": [],
    inpaint: [],
    outpaint: [],
    upscale: [],
    unconditional: [],
  };
  const none: Record<keyof TaskInputs, never[]> = differences;
  expect(none).toBe(differences);
});
