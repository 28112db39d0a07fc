import { InvalidRequestError } from "../errors/invalid-request-error.ts";

/** A template's tree. */
export type Node =
  | { kind: "text"; text: string }
  | { kind: "all"; parts: Node[] }
  | { kind: "choice"; options: { weight: number; node: Node }[] }
  | { kind: "variable"; name: string }
  | { kind: "list"; name: string };

const variable = /\$\{([\w.-]+)\}/y;
const list = /__([\p{L}\p{N}./-]+(?:_[\p{L}\p{N}./-]+)*)__/uy;
const weight = /\s*(\d+(?:\.\d+)?)::/y;

/** @throws InvalidRequestError for a brace that is never closed, or closes nothing. */
export function parseTemplate(template: string): Node {
  const reader = { at: 0 };
  const node = parseAll(template, reader, 0);
  if (reader.at < template.length) throw invalid(`the brace at character ${reader.at + 1} closes nothing; write \\}`);
  return node;
}

function parseAll(template: string, reader: { at: number }, depth: number): Node {
  if (depth > 100) throw invalid("its braces stand too deep in each other");
  const parts: Node[] = [];
  let text = "";
  const flush = () => {
    if (text !== "") parts.push({ kind: "text", text });
    text = "";
  };
  while (reader.at < template.length) {
    const char = template[reader.at]!;
    if (char === "}" || (char === "|" && depth > 0)) break;
    const named =
      char === "$" ? match(variable, template, reader) : char === "_" ? match(list, template, reader) : undefined;
    if (named !== undefined) {
      flush();
      parts.push(char === "$" ? { kind: "variable", name: named } : { kind: "list", name: named });
    } else if (char === "{") {
      flush();
      parts.push(parseChoice(template, reader, depth + 1));
    } else {
      const isEscaped = char === "\\" && /[{}|$_\\]/.test(template[reader.at + 1] ?? "");
      text += isEscaped ? template[reader.at + 1] : char;
      reader.at += isEscaped ? 2 : 1;
    }
  }
  flush();
  return { kind: "all", parts };
}

function parseChoice(template: string, reader: { at: number }, depth: number): Node {
  const open = reader.at;
  const options: { weight: number; node: Node }[] = [];
  do {
    reader.at++;
    const given = match(weight, template, reader);
    options.push({ weight: given === undefined ? 1 : Number(given), node: parseAll(template, reader, depth) });
  } while (template[reader.at] === "|");
  if (template[reader.at] !== "}") throw invalid(`the brace at character ${open + 1} is never closed; write \\{`);
  reader.at++;
  if (options.every((option) => option.weight === 0)) throw invalid("all weights of a choice are 0");
  return { kind: "choice", options };
}

function match(pattern: RegExp, template: string, reader: { at: number }): string | undefined {
  pattern.lastIndex = reader.at;
  const found = pattern.exec(template);
  if (found === null) return undefined;
  reader.at = pattern.lastIndex;
  return found[1];
}

function invalid(message: string): InvalidRequestError {
  return new InvalidRequestError([{ field: "prompt", message: `as a template: ${message}` }]);
}
