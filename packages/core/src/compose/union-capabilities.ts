import { type Capabilities, type FeatureName, featureNames, type Range } from "../capabilities.ts";

const unite = <T>(lists: readonly (readonly T[])[]): T[] => [...new Set(lists.flat())];

/** What at least one of several backends can do. Each request is held against the members' own again before one is chosen. */
export function unionOf(id: string, all: readonly Capabilities[]): Capabilities {
  const [{ usdPerImage: _, maxPromptTokens: __, sizes: ___, options: ____, ...first }] = all as [
    Capabilities,
    ...Capabilities[],
  ];
  const features = featureNames.filter((name) => all.some((one) => one.features.includes(name)));
  const names = (field: "samplers" | "schedulers") =>
    all.some((one) => one[field] === "any") ? "any" : unite(all.map((one) => one[field] as readonly string[]));
  const controls = all.some(({ controls = "any" }) => controls === "any")
    ? "any"
    : unite(all.map((one) => one.controls as readonly string[]));
  return {
    ...first,
    backend: id,
    tasks: unite(all.map(({ tasks }) => tasks)),
    features,
    missing: missingOf(all, features),
    conditioning: unite(all.map(({ conditioning }) => conditioning)),
    controls,
    conditioningOptions: unite(all.map(({ conditioningOptions = [] }) => conditioningOptions)),
    samplers: names("samplers"),
    schedulers: names("schedulers"),
    outputFormats: unite(all.map(({ outputFormats }) => outputFormats)),
    limits: limitsOf(all),
    ...(all.every(({ sizes }) => sizes !== undefined) ? { sizes: all.flatMap(({ sizes = [] }) => sizes) } : {}),
    ...mostOf("usdPerImage", all),
    ...mostOf("maxPromptTokens", all),
    // Who takes a request is not known yet: the client keeps what one of them would not.
    keepsUnmasked: all.every(({ keepsUnmasked = false }) => keepsUnmasked),
    resume: all.some(({ resume }) => resume),
  };
}

/** The dearest, and the longest prompt; not known where one backend's isn't: who takes a request is not known yet. */
function mostOf(field: "usdPerImage" | "maxPromptTokens", all: readonly Capabilities[]) {
  const values = all.map((one) => one[field] ?? Number.NaN);
  const most = Math.max(...values);
  return Number.isNaN(most) ? {} : { [field]: most };
}

function missingOf(
  all: readonly Capabilities[],
  features: readonly FeatureName[],
): NonNullable<Capabilities["missing"]> {
  const hints = Object.assign({}, ...all.map(({ missing }) => missing ?? {})) as Record<string, string>;
  return Object.fromEntries(Object.entries(hints).filter(([name]) => !features.includes(name as FeatureName)));
}

/** The widest bounds; a field is free where one backend leaves it so. */
function limitsOf(all: readonly Capabilities[]): Capabilities["limits"] {
  const fields = unite(all.map(({ limits }) => Object.keys(limits) as (keyof Capabilities["limits"])[]));
  const bounded = fields.filter((field) => all.every(({ limits }) => limits[field] !== undefined));
  return Object.fromEntries(bounded.map((field) => [field, widest(all.map(({ limits }) => limits[field]!))]));
}

function widest(ranges: readonly Range[]): Range {
  const multiples = ranges.map(({ multipleOf }) => multipleOf);
  const common = multiples.every((value) => value === multiples[0]) ? multiples[0] : smallest(multiples);
  return {
    min: Math.min(...ranges.map(({ min }) => min)),
    max: Math.max(...ranges.map(({ max }) => max)),
    ...(common === undefined ? {} : { multipleOf: common }),
  };
}

/** A multiple that all others are multiples of; none where there is no such. */
function smallest(multiples: readonly (number | undefined)[]): number | undefined {
  const known = multiples.map((value) => value ?? 1);
  const least = Math.min(...known);
  return known.every((value) => value % least === 0) ? least : undefined;
}
