import { readFileSync } from "node:fs";
import ts from "typescript";

/** A page about what stands in some sources: their exported interfaces, types and classes, with the texts beside them. */
interface Page {
  file: URL;
  title: string;
  intro: string;
  /** Sources, and of each the names that the page tells, in order. */
  of: readonly [source: string, ...names: string[]][];
}

const core = new URL("../../packages/core/src/", import.meta.url);

/** Every page that is written from sources. */
export const sourcePages: readonly Page[] = [
  {
    file: new URL("../../docs/events.md", import.meta.url),
    title: "Events",
    intro: `What a job tells while it runs, in this order: \`queued\` (again each time that it moves up), \`started\`, then \`progress\`, \`preview\`, \`image\`, \`log\` and
\`warning\` as they come, and \`completed\` last. \`for await (const event of job)\` reads them from the first, \`job.on("progress", …)\` listens, and
\`job.toEventStream()\` is a web stream of server-sent events. Leaving the loop stops the reading, not the job: \`job.cancel()\` does that. The stream's reader
that goes away cancels the job, unless \`cancelOnLeave\` is false.

The pictures of \`preview\`, \`control\` and \`image\` events have \`dataUrl()\`, \`blob()\`, \`bytes()\` and \`toResponse()\`, and the backend's plain data in their own fields and in
\`payload\`; JSON of an event is plain data.`,
    of: [
      [
        "events.ts",
        "QueuedEvent",
        "StartedEvent",
        "ProgressEvent",
        "PreviewEvent",
        "ControlEvent",
        "ImageEvent",
        "LogEvent",
        "WarningEvent",
        "CompletedEvent",
      ],
      ["job/event-stream.ts", "EventStreamOptions"],
      ["result.ts", "GenerationResult", "Timings", "ImageFailure"],
      ["image-payload.ts", "PixelsPayload", "EncodedPayload", "UrlPayload"],
    ],
  },
  {
    file: new URL("../../docs/image.md", import.meta.url),
    title: "Pictures",
    intro:
      "A job's `images`, and what can be had of each. Nothing is decoded, encoded or downloaded until it is asked for.",
    of: [
      ["image/generated-image.ts", "GeneratedImage"],
      ["image/image-file.ts", "FileOptions", "ResponseOptions", "ImageFile"],
      ["image/pixels.ts", "Pixels"],
      ["latent/latent.ts", "GeneratedLatent"],
    ],
  },
];

/** The page's text. */
export function sourcePage({ title, intro, of }: Page): string {
  const parts = of.flatMap(([source, ...names]) => {
    const file = ts.createSourceFile(source, readFileSync(new URL(source, core), "utf8"), ts.ScriptTarget.Latest, true);
    return names.map((name) => {
      const node = file.statements.find(
        (statement): statement is ts.InterfaceDeclaration | ts.ClassDeclaration =>
          (ts.isInterfaceDeclaration(statement) || ts.isClassDeclaration(statement)) && statement.name?.text === name,
      );
      if (node === undefined) throw new Error(`${source} has no ${name}`);
      return section(name, node);
    });
  });
  return `<!-- Written by: node tools/docs/request.ts -->\n\n# ${title}\n\n${[intro, ...parts].join("\n\n")}\n`;
}

function section(name: string, node: ts.InterfaceDeclaration | ts.ClassDeclaration): string {
  const members = (node.members as ts.NodeArray<ts.TypeElement | ts.ClassElement>).filter(isPublic);
  const rows = members.map((member) => {
    const [written, text] = [signature(member), textOf(member) || discriminantOf(member)];
    if (text === "") throw new Error(`${name}: ${written} has no doc comment`);
    return `| \`${written}\` | ${text} |`;
  });
  return [`## ${name}`, textOf(node), ["| Member | |", "| --- | --- |", ...rows].join("\n")].join("\n\n");
}

/** What is said of the member that tells one kind from another. */
function discriminantOf(member: ts.TypeElement | ts.ClassElement): string {
  const { type } = member as ts.PropertyDeclaration;
  return type !== undefined && ts.isLiteralTypeNode(type) ? "What kind it is." : "";
}

function isPublic(member: ts.TypeElement | ts.ClassElement): boolean {
  if (ts.isConstructorDeclaration(member) || member.name === undefined) return false;
  return (
    !ts.isPrivateIdentifier(member.name) && !ts.isComputedPropertyName(member.name) && !/^_/.test(member.name.getText())
  );
}

/** A member as it is written, without its body and its default values. */
function signature(member: ts.TypeElement | ts.ClassElement): string {
  const parts = member as ts.PropertyDeclaration;
  const isStatic = parts.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword) ? "static " : "";
  const type = (node: ts.TypeNode | undefined) =>
    node === undefined ? "" : `: ${node.getText().replace(/\s+/g, " ").replace(" | undefined", "")}`;
  const name = `${isStatic}${parts.name.getText()}`;
  if (ts.isMethodDeclaration(member) || ts.isMethodSignature(member)) {
    const given = member.parameters.map(({ name: own, questionToken, initializer, type: of }) => {
      return `${own.getText()}${questionToken || initializer ? "?" : ""}${type(of)}`;
    });
    return escapeBars(`${name}(${given.join(", ")})${type(member.type)}`);
  }
  return escapeBars(`${name}${parts.questionToken ? "?" : ""}${type(parts.type)}`);
}

function textOf(node: ts.Node): string {
  const [doc] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc).slice(-1);
  const flat = (comment: ts.JSDoc["comment"]) =>
    (ts.getTextOfJSDocComment(comment) ?? "")
      .replace(/\s+/g, " ")
      .replace(/\{@link (\w+)\}/g, "`$1`")
      .trim();
  const tags = (doc?.tags ?? []).filter(({ tagName }) => /^(throws|returns)$/.test(tagName.text));
  const told = tags.map(
    ({ tagName, comment }) => `${tagName.text === "throws" ? "Throws" : "Returns"} ${flat(comment)}`,
  );
  return escapeBars([flat(doc?.comment), ...told].filter((text) => text !== "").join(" "));
}

function escapeBars(text: string): string {
  return text.replaceAll("|", "\\|");
}
