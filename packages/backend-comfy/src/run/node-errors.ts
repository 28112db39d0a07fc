import type { Issue } from "@latentkit/core";
import { plain } from "../comfy-error.ts";
import type { FieldMap } from "../graph/graph.ts";

/** Errors of one node, as `POST /prompt` reports them. */
export interface NodeError {
  class_type?: string;
  dependent_outputs?: string[];
  errors?: { type?: string; message?: string; details?: string; extra_info?: Record<string, unknown> }[];
}

/** The whole refusal. */
export interface Refusal {
  error?: { type?: string; message?: string; details?: string } | string;
  node_errors?: Record<string, NodeError> | unknown[];
}

/** Flattens a refusal to the request's fields; what has no field of its own is told by node and input. */
export function flattenNodeErrors({ error, node_errors: nodes = {} }: Refusal, fields: FieldMap): Issue[] {
  const issues = Object.entries(nodes as Record<string, NodeError>).flatMap(([id, node]) =>
    (node.errors ?? []).map((entry): Issue => {
      const input = entry.extra_info?.["input_name"];
      const place = typeof input === "string" ? `${id}.${input}` : id;
      return { field: fields[place] ?? place, message: wording(entry, node), ...allowedBy(entry.extra_info) };
    }),
  );
  if (issues.length > 0) return issues;
  if (typeof error === "string") return [{ field: "", message: plain(error) }];
  if (error === undefined) return [];
  return [
    {
      field: "",
      message: plain([error.message, error.details].filter(Boolean).join(": ") || (error.type ?? "refused")),
    },
  ];
}

type Entry = NonNullable<NodeError["errors"]>[number];

function wording({ type, message, details, extra_info: extra }: Entry, { class_type }: NodeError): string {
  const received = extra?.["received_value"];
  const given = received === undefined ? "" : ` (${JSON.stringify(String(received)).slice(0, 120)} was given)`;
  const said = [message, details].filter((part) => part !== undefined && part !== "").join(": ");
  return plain(`${said || type || "refused"}${given} [${class_type}]`);
}

/** The range or list that an input's declaration has. */
function allowedBy(extra: Record<string, unknown> | undefined): Pick<Issue, "allowed"> {
  const config = extra?.["input_config"];
  if (!Array.isArray(config)) return {};
  const [type, settings] = config as [unknown, Record<string, unknown>?];
  if (Array.isArray(type)) return { allowed: type.filter((value) => typeof value === "string") };
  const { min, max } = settings ?? {};
  if (min === undefined && max === undefined) return {};
  return {
    allowed: { ...(min === undefined ? {} : { min: Number(min) }), ...(max === undefined ? {} : { max: Number(max) }) },
  };
}
