import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type DataType, dataTypeCodes } from "./data-type.ts";

/** A node's attribute; ONNX tells integers from floats, so each says which it is. */
export type Attribute = { int: number } | { float: number } | { ints: readonly number[] } | { string: string };

/** An operator applied to named values. An absent optional input is `""`. */
export interface OnnxNode {
  op: string;
  domain: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes: Readonly<Record<string, Attribute>>;
}

/** A constant: bytes in the model itself, or a stretch of a file (`location` is relative to the session's folder). */
export interface OnnxInitializer {
  name: string;
  type: DataType;
  dims: readonly number[];
  data: Uint8Array | { location: string; offset: number; length: number };
}

/** An input or output of the graph. A dimension named by a string is free. */
export interface Port {
  readonly name: string;
  readonly type: DataType;
  readonly dims: readonly (number | string)[];
}

/** An output whose shape may be left to be found. */
export type OutputPort = Omit<Port, "dims"> & Partial<Pick<Port, "dims">>;

/** The parts of a model that our graphs use. */
export interface OnnxModel {
  name: string;
  nodes: readonly OnnxNode[];
  initializers: readonly OnnxInitializer[];
  inputs: readonly Port[];
  outputs: readonly OutputPort[];
  /** Version by operator domain; `""` is ONNX's own. */
  opsets: Readonly<Record<string, number>>;
}

const irVersion = 11;
const attributeTypes = { float: 1, int: 2, string: 3, ints: 7 } as const;

/** Serialises a model as `onnx.ModelProto`; the field numbers are those of onnx.proto (onnx.ai). */
export function encodeModel(model: OnnxModel): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Varint).int64(irVersion);
  text(writer, 2, "latentkit");
  message(writer, 7, () => graph(writer, model));
  for (const [domain, version] of Object.entries(model.opsets)) {
    message(writer, 8, () => {
      text(writer, 1, domain);
      writer.tag(2, WireType.Varint).int64(version);
    });
  }
  return writer.finish();
}

function graph(writer: BinaryWriter, { name, nodes, initializers, inputs, outputs }: OnnxModel): void {
  for (const each of nodes) message(writer, 1, () => node(writer, each));
  text(writer, 2, name);
  for (const each of initializers) message(writer, 5, () => initializer(writer, each));
  for (const each of inputs) message(writer, 11, () => port(writer, each));
  for (const each of outputs) message(writer, 12, () => port(writer, each));
}

function node(writer: BinaryWriter, { op, domain, inputs, outputs, attributes }: OnnxNode): void {
  for (const input of inputs) text(writer, 1, input);
  for (const output of outputs) text(writer, 2, output);
  text(writer, 3, outputs[0] ?? "");
  text(writer, 4, op);
  for (const [name, value] of Object.entries(attributes)) message(writer, 5, () => attribute(writer, name, value));
  if (domain !== "") text(writer, 7, domain);
}

function attribute(writer: BinaryWriter, name: string, value: Attribute): void {
  text(writer, 1, name);
  const kind = Object.keys(value)[0] as keyof typeof attributeTypes;
  if ("float" in value) writer.tag(2, WireType.Bit32).float(value.float);
  else if ("int" in value) writer.tag(3, WireType.Varint).int64(value.int);
  else if ("string" in value) text(writer, 4, value.string);
  else for (const int of value.ints) writer.tag(8, WireType.Varint).int64(int);
  writer.tag(20, WireType.Varint).int32(attributeTypes[kind]);
}

function initializer(writer: BinaryWriter, { name, type, dims, data }: OnnxInitializer): void {
  for (const dim of dims) writer.tag(1, WireType.Varint).int64(dim);
  writer.tag(2, WireType.Varint).int32(dataTypeCodes[type]);
  text(writer, 8, name);
  if (data instanceof Uint8Array) {
    writer.tag(9, WireType.LengthDelimited).bytes(data);
    return;
  }
  for (const [key, value] of Object.entries(data)) {
    message(writer, 13, () => {
      text(writer, 1, key);
      text(writer, 2, String(value));
    });
  }
  writer.tag(14, WireType.Varint).int32(1); // data_location = EXTERNAL
}

function port(writer: BinaryWriter, { name, type, dims }: OutputPort): void {
  text(writer, 1, name);
  const dimension = (dim: number | string) =>
    typeof dim === "string" ? text(writer, 2, dim) : writer.tag(1, WireType.Varint).int64(dim);
  const shape = () => {
    for (const dim of dims ?? []) message(writer, 1, () => dimension(dim));
  };
  const tensor = () => {
    writer.tag(1, WireType.Varint).int32(dataTypeCodes[type]);
    if (dims !== undefined) message(writer, 2, shape);
  };
  message(writer, 2, () => message(writer, 1, tensor));
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}

function message(writer: BinaryWriter, field: number, write: () => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write();
  writer.join();
}
