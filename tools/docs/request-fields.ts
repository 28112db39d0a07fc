import { readFileSync } from "node:fs";
import ts from "typescript";

/** Where the inputs are written down. */
const source = new URL("../../packages/core/src/request/input-types.ts", import.meta.url);

/** One field of an input, as its interface has it. */
export interface Field {
  name: string;
  /** Its type as it is written, without `| undefined`. */
  type: string;
  optional: boolean;
  description: string;
  unit: string | undefined;
}

/** An interface of the inputs, with the fields of those that it extends. */
export interface InputType {
  name: string;
  description: string;
  fields: Field[];
}

/** Every interface in input-types.ts by its name. */
export function inputTypes(): Map<string, InputType> {
  const file = ts.createSourceFile("input-types.ts", readFileSync(source, "utf8"), ts.ScriptTarget.Latest, true);
  const nodes = new Map(file.statements.filter(ts.isInterfaceDeclaration).map((node) => [node.name.text, node]));
  const fieldsOf = (node: ts.InterfaceDeclaration): Field[] => [
    ...node.members.filter(ts.isPropertySignature).map(fieldOf),
    ...(node.heritageClauses ?? [])
      .flatMap(({ types }) => types)
      .flatMap(({ expression }) => fieldsOf(nodes.get(expression.getText()) as ts.InterfaceDeclaration)),
  ];
  return new Map(
    Array.from(nodes, ([name, node]) => [
      name,
      { name, description: textOf(node).description, fields: fieldsOf(node) },
    ]),
  );
}

/** Names of a task's, and of a conditioning's, interfaces. */
export function variants(types: ReadonlyMap<string, InputType>): {
  tasks: [string, InputType][];
  conditionings: [string, InputType][];
} {
  const tagged = (tag: string) =>
    [...types.values()].flatMap((type): [string, InputType][] => {
      const value = /^"(.*)"$/.exec(type.fields.find(({ name }) => name === tag)?.type ?? "")?.[1];
      return value === undefined ? [] : [[value, type]];
    });
  return { tasks: tagged("task"), conditionings: tagged("kind") };
}

function fieldOf(node: ts.PropertySignature): Field {
  const type = (node.type?.getText() ?? "").replace(/\s*\|\s*undefined$/, "").replace(/^\s*\|\s*/, "");
  return {
    name: node.name.getText().replace(/"/g, ""),
    type,
    optional: node.questionToken !== undefined,
    ...textOf(node),
  };
}

function textOf(node: ts.Node): Pick<Field, "description" | "unit"> {
  const [doc] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc).slice(-1);
  const unit = doc?.tags?.find(({ tagName }) => tagName.text === "unit");
  const flat = (comment: ts.JSDoc["comment"]) =>
    (ts.getTextOfJSDocComment(comment) ?? "")
      .replace(/\s+/g, " ")
      .replace(/\{@link (\w+)\}/g, "$1")
      .trim();
  return { description: flat(doc?.comment), unit: unit === undefined ? undefined : flat(unit.comment) };
}
