import { growName, type InputSpec } from "../server/input-spec.ts";
import type { NodeSpec, ObjectInfo } from "../server/object-info.ts";

/** What the head of a generated file says. */
export interface NodeTypesOptions {
  /** Where the definitions came from. */
  source: string;
  /** Only these node types. Default: all. */
  only?: readonly string[];
}

/**
 * TypeScript declarations of a server's node types, for {@link typedGraph}: inputs with their choices, and outputs.
 * The same definitions give the same text.
 */
export function generateNodeTypes(info: ObjectInfo, { source, only }: NodeTypesOptions): string {
  const nodes = [...info.nodes.values()]
    .filter(({ name }) => only === undefined || only.includes(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return [
    `// Node types of the ComfyUI server at ${oneLine(source)}, written by \`latentkit comfy types\`. Do not edit.`,
    'import type { NodeLink } from "@latentkit/backend-comfy";',
    "",
    "/** Inputs and outputs of each node type. */",
    "export interface ComfyNodes {",
    ...nodes.flatMap(declare),
    "}",
    "",
  ].join("\n");
}

function declare(node: NodeSpec): string[] {
  const about = [node.displayName, node.description].filter((part, i) => part !== "" && (i > 0 || part !== node.name));
  const comment = about.length === 0 ? [] : [`  /** ${oneLine(about.join(": ")).replaceAll("*/", "*\\/")} */`];
  const outputs = node.outputs.map(({ type }) => JSON.stringify(type)).join(", ");
  return [
    ...comment,
    `  ${JSON.stringify(node.name)}: {`,
    "    inputs: {",
    ...node.inputs.flatMap(declareInput),
    "    };",
    `    outputs: [${outputs}];`,
    "  };",
  ];
}

/** An input, and those that it brings: their names are known, and how many there are only to the graph. */
function declareInput(input: InputSpec): string[] {
  const line = (name: string, isRequired: boolean, type: string) =>
    `      ${JSON.stringify(name)}${isRequired ? "" : "?"}: ${type};`;
  if (input.kind === "autogrow") {
    const places = Array.from({ length: input.max }, (_, place) => place);
    return places.flatMap((place) =>
      input.inputs.map((spec) =>
        line(`${input.name}.${growName(input, spec, place)}`, spec.required && place < input.min, typeOf(spec)),
      ),
    );
  }
  const own = line(input.name, input.required, typeOf(input));
  if (input.kind !== "dynamic") return [own];
  const children = input.branches
    .flat()
    .map((spec) => ({ ...spec, name: `${input.name}.${spec.name}`, required: false }));
  const names = [...new Set(children.map(({ name }) => name))];
  return [
    own,
    ...names.flatMap((name) => {
      const [first, ...others] = children.filter((child) => child.name === name);
      // Of one name in several branches: what any of them takes.
      const types = new Set(others.map(typeOf));
      const lines = declareInput(first!);
      return types.size === 0
        ? lines
        : [line(name, false, [...new Set([typeOf(first!), ...types])].join(" | ")), ...lines.slice(1)];
    }),
  ];
}

/** Every value can come over a link as well. */
function typeOf(input: InputSpec): string {
  const link = input.type
    .split(",")
    .map((type) => `NodeLink<${JSON.stringify(type)}>`)
    .join(" | ");
  if (input.kind === "link") return input.type.includes("*") ? "NodeLink" : link;
  if (input.kind === "autogrow") return "never";
  if (input.kind === "value") return `string | object | ${link}`;
  if (input.kind === "dynamic") return input.options.map((option) => JSON.stringify(option)).join(" | ") || "string";
  if (input.kind === "number") return `number | bigint | ${link}`;
  if (input.kind !== "combo") return `${input.kind} | ${link}`;
  // A file that is uploaded later is in no list yet.
  if (input.upload === true || input.remote === true || input.options.length === 0) return `string | ${link}`;
  return `${input.options.map((option) => JSON.stringify(option)).join(" | ")} | ${link}`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
