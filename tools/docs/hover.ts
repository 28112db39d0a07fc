import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { type InputType, inputTypes, variants } from "./request-fields.ts";

/** What an editor shows at one field of a request that is being written. */
export interface Hover {
  /** What input-types.ts says of it. */
  description: string;
  /** Task and path: `inpaint.guidance.rescale`. */
  field: string;
  text: string;
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Writes a request of each task, and one that names none, with each of its fields, and asks TypeScript's language service what it shows
 * at each.
 *
 * @param core the module that programs import: the sources' index.ts, or the built index.d.ts
 */
export function hoverTexts(core: string): Hover[] {
  const types = inputTypes();
  const { tasks, conditionings } = variants(types);
  const places: { field: string; at: number; description: string }[] = [];
  let text = `import type { Client } from ${JSON.stringify(core)};\ndeclare const client: Client;\n`;
  const write = (type: InputType, path: string) => {
    text += "{ ";
    for (const { name, type: of, description } of type.fields) {
      places.push({ field: `${path}.${name}`, at: text.length, description });
      text += `${name}: `;
      const nested = types.get(of.replace(/\[\]$/, ""));
      const isList = of.endsWith("[]");
      const value = /^"[^"]*"$/.test(of) ? of : of === "string" ? '""' : "undefined as never";
      if (nested !== undefined) {
        text += isList ? "[" : "";
        write(nested, `${path}.${name}`);
        text += isList ? "]" : "";
      } else if (of === "ConditioningInput[]") {
        text += "[";
        for (const [kind, input] of conditionings) {
          write(input, `${path}.${name}.${kind}`);
          text += ", ";
        }
        text += "]";
      } else text += value;
      text += ", ";
    }
    text += "}";
  };
  for (const [task, type] of [...tasks, ["(none)", types.get("UntitledInput") as InputType] as const]) {
    text += "client.generate(";
    write(type, task);
    text += ");\n";
  }
  const service = serviceOver(text);
  const [fault] = service.getSemanticDiagnostics(program);
  if (fault !== undefined)
    throw new Error(`The requests do not compile: ${ts.flattenDiagnosticMessageText(fault.messageText, "\n")}`);
  return places.map(({ field, at, description }) => ({ field, description, text: shown(service, at) }));
}

/** What the compiler says of a call of `client.generate`, flattened into one text; undefined where it is content. */
export function compilerError(core: string, argument: string): string | undefined {
  const text = `import type { Client } from ${JSON.stringify(core)};\ndeclare const client: Client;\nclient.generate(${argument});\n`;
  const [fault] = serviceOver(text).getSemanticDiagnostics(program);
  return fault && ts.flattenDiagnosticMessageText(fault.messageText, "\n");
}

const program = `${root}packages/core/src/hover-of-fields.ts`;

function shown(service: ts.LanguageService, at: number): string {
  return ts.displayPartsToString(service.getQuickInfoAtPosition(program, at)?.documentation).replace(/\s+/g, " ");
}

function serviceOver(text: string): ts.LanguageService {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2024,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    exactOptionalPropertyTypes: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck: true,
    types: ["node"],
  };
  const read = (file: string) => (file === program ? text : existsSync(file) ? readFileSync(file, "utf8") : undefined);
  return ts.createLanguageService({
    getCompilationSettings: () => options,
    getScriptFileNames: () => [program],
    getScriptVersion: () => "1",
    getScriptSnapshot: (file) => {
      const found = read(file);
      return found === undefined ? undefined : ts.ScriptSnapshot.fromString(found);
    },
    getCurrentDirectory: () => root,
    getDefaultLibFileName: (given) => ts.getDefaultLibFilePath(given),
    fileExists: (file) => file === program || ts.sys.fileExists(file),
    readFile: read,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
    realpath: ts.sys.realpath as (path: string) => string,
  });
}
