import { type FloatType, toFloat32 } from "./to-float32.ts";

const magic = Buffer.from("\x93NUMPY", "latin1");
const types: Readonly<Record<string, FloatType>> = { "<f2": "F16", "<f4": "F32", "<f8": "F64" };

/** Whether a file's bytes begin as NumPy's `.npy` files do. */
export function isNpy(bytes: Buffer): boolean {
  return bytes.subarray(0, magic.length).equals(magic);
}

/**
 * Reads a `.npy` file of floating-point values in C order.
 *
 * @throws Error saying what is wrong with the file.
 * @see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
export function parseNpy(bytes: Buffer): { shape: number[]; data: Float32Array } {
  if (bytes.length < 12) throw new Error("it ends inside its header");
  const wide = bytes[6]! >= 2;
  const start = wide ? 12 : 10;
  const end = start + (wide ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8));
  if (end > bytes.length) throw new Error("it ends inside its header");
  const header = bytes.toString("latin1", start, end);
  const descr = /'descr': *'([^']*)'/.exec(header)?.[1] ?? "";
  const type = Object.hasOwn(types, descr) ? types[descr] : undefined;
  if (type === undefined) throw new Error(`its values are of type ${descr || "?"}; must be <f2, <f4 or <f8`);
  if (!/'fortran_order': *False/.test(header)) throw new Error("it is in Fortran order; save a C-ordered array");
  const sides = /'shape': *\(([\d, ]*)\)/.exec(header)?.[1];
  if (sides === undefined) throw new Error("its header names no shape");
  const shape = sides
    .split(",")
    .filter((side) => side.trim() !== "")
    .map(Number);
  const data = bytes.subarray(end);
  const size = shape.reduce((product, side) => product * side, Number(descr[2]));
  if (size !== data.length)
    throw new Error(`its shape (${shape.join("×")}) needs ${size} bytes of values, not ${data.length}`);
  return { shape, data: toFloat32(data, type) };
}
