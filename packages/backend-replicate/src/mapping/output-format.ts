import type { Mapping } from "./mapping.ts";

/**
 * Asks for the format that is wanted, or for one without loss, where the model offers it; what the model cannot write is
 * converted here when the picture is read. Pictures come one a prediction, each with its own seed.
 */
export function mapOutput(mapping: Mapping): void {
  const { format, quality } = mapping.request.output;
  const property = mapping.find("outputFormat");
  const offered = (names: readonly string[]) =>
    property?.enum?.find((value) => names.includes(String(value).toLowerCase()));
  const wanted = format === "jpeg" ? ["jpg", "jpeg"] : [format];
  const chosen = offered(wanted) ?? offered(["png"]);
  if (property !== undefined && chosen !== undefined) mapping.input[property.name] = chosen;
  const lossy = property === undefined || (chosen !== undefined && !/png/i.test(String(chosen)));
  const asked = mapping.find("outputQuality");
  if (lossy && property !== undefined && asked !== undefined) mapping.set(asked, quality, "output.quality");
  const count = mapping.find("count");
  if (count !== undefined && count.default !== undefined && Number(count.default) !== 1) mapping.set(count, 1, "count");
}
