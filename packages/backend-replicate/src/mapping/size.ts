import type { Mapping } from "./mapping.ts";

/** Ratios that differ by less than this are the same picture: 1365×1024 is meant as 4:3. */
const ratioTolerance = 0.02;

/** Width and height: by number, by a list of sizes, or by an aspect ratio, whichever the model takes. */
export function mapSize(mapping: Mapping): void {
  const { width, height } = mapping.request;
  if (width === undefined && height === undefined) return;
  if (mapping.find("width") !== undefined && mapping.find("height") !== undefined) {
    mapNumbers(mapping);
    return;
  }
  if (mapping.find("size") === undefined && mapping.find("aspectRatio") === undefined) {
    const why = "the model decides the size of its pictures itself: leave it out";
    if (width !== undefined) mapping.refuse("width", why);
    if (height !== undefined) mapping.refuse("height", why);
    return;
  }
  if (width === undefined || height === undefined) {
    mapping.refuse(width === undefined ? "width" : "height", "give both width and height, or neither");
    return;
  }
  if (!mapListed(mapping, width, height)) mapRatio(mapping, width, height);
}

function mapNumbers(mapping: Mapping): void {
  const { multipleOf } = mapping.family;
  for (const side of ["width", "height"] as const) {
    const value = mapping.request[side];
    if (value !== undefined && multipleOf !== undefined && value % multipleOf !== 0)
      mapping.refuse(side, `${value} is not possible here: must be a multiple of ${multipleOf}`);
    else mapping.put(side, value, side);
  }
  // Models with both take the numbers only where the other says so, else the size would be dropped.
  for (const name of ["aspect_ratio", "size"])
    if (mapping.schema.inputs.get(name)?.enum?.includes("custom")) mapping.input[name] ??= "custom";
}

/** A size out of a list such as `1024x1024`; false where it is not in it. */
function mapListed(mapping: Mapping, width: number, height: number): boolean {
  const property = mapping.find("size");
  const match = property?.enum?.find((value) => {
    const [w, h] = String(value).split(/\s*[x×*]\s*/);
    return Number(w) === width && Number.parseInt(h ?? "", 10) === height;
  });
  if (property !== undefined && match !== undefined) {
    mapping.input[property.name] = match;
    return true;
  }
  if (property === undefined || mapping.find("aspectRatio") !== undefined) return false;
  mapping.refuse(
    "width",
    `${width}×${height} is not possible here: must be one of ${property.enum?.join(", ")}`,
    property.enum,
  );
  return true;
}

function mapRatio(mapping: Mapping, width: number, height: number): void {
  const property = mapping.find("aspectRatio")!;
  const ratios = (property.enum ?? []).flatMap((value) => {
    const [, w, h] = /^(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)$/.exec(String(value)) ?? [];
    return w === undefined || h === undefined
      ? []
      : [{ value, off: Math.abs(Math.log((Number(w) / Number(h)) * (height / width))) }];
  });
  const [best] = ratios.sort((a, b) => a.off - b.off);
  if (best === undefined || best.off > ratioTolerance) {
    const allowed = ratios.map(({ value }) => value);
    mapping.refuse(
      "width",
      `${width}×${height} is not possible here: the aspect ratio must be one of ${allowed.join(", ")}`,
      allowed,
    );
    return;
  }
  mapping.input[property.name] = best.value;
  mapping.warn("width", `the model takes an aspect ratio (${best.value}) and decides the number of pixels itself`);
}

/** Bounds of a side, for capabilities. */
export function sideLimits(mapping: Pick<Mapping, "find" | "family">, side: "width" | "height") {
  const property = mapping.find(side);
  if (property === undefined) return undefined;
  const { enum: allowed, min, max } = property;
  const numbers = allowed?.map(Number).filter((value) => Number.isFinite(value)) ?? [];
  const low = numbers.length > 0 ? Math.min(...numbers) : min;
  const high = numbers.length > 0 ? Math.max(...numbers) : max;
  if (low === undefined && high === undefined) return undefined;
  const { multipleOf } = mapping.family;
  return { min: low ?? 8, max: high ?? 16384, ...(multipleOf === undefined ? {} : { multipleOf }) };
}

/** The size the model uses where the request is silent, as far as its schema tells. */
export function defaultSize(mapping: Pick<Mapping, "find">): { width?: number; height?: number } {
  const of = (side: "width" | "height") => {
    const value = mapping.find(side)?.default;
    return typeof value === "number" ? { [side]: value } : {};
  };
  return { ...of("width"), ...of("height") };
}
