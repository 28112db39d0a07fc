import { type Field, type InputType, inputTypes, variants } from "./request-fields.ts";

/** The module that the texts are written to, so that requestJsonSchema() can tell them. */
export const fieldTextsFile = new URL("../../packages/core/src/request/field-texts.ts", import.meta.url);

/** Types that JSON has in another form. */
const special: Readonly<Record<string, string>> = {
  ImageInput: "file",
  LatentInput: "latent",
  SeedInput: "seed",
  SamplerName: "name",
  SchedulerName: "name",
};

/** The module's text. */
export function fieldTextsModule(): string {
  const types = inputTypes();
  const { tasks, conditionings } = variants(types);
  const shared = types.get("SharedInput") as InputType;
  const texts: Record<string, object> = {};
  const add = (path: string, { name, type, description, unit }: Field) => {
    const at = `${path}.${name}`;
    const kind = special[type];
    texts[at] = { description, ...(unit === undefined ? {} : { unit }), ...(kind === undefined ? {} : { type: kind }) };
    const nested = types.get(type.replace(/\[\]$/, ""));
    for (const field of nested?.fields ?? []) add(at, field);
    if (type === "ConditioningInput[]") {
      for (const [kindName, input] of conditionings) for (const field of input.fields) add(`${at}.${kindName}`, field);
    }
  };
  for (const field of shared.fields) add("*", field);
  const isShared = (field: Field) => shared.fields.some(({ name }) => name === field.name);
  for (const [task, { fields }] of tasks) for (const field of fields) if (!isShared(field)) add(task, field);
  return `// Written by tools/docs/request.ts from input-types.ts: change it there.

/** What is told of a field beside its rules. */
export interface FieldText {
  description: string;
  unit?: string;
  /** Forms that JSON has of its own: a file, a latent, a seed, a name. */
  type?: string;
}

/** Texts by task and path; \`*\` is every task. */
export const fieldTexts: Readonly<Record<string, FieldText>> = ${JSON.stringify(texts, undefined, 2)};
`;
}
