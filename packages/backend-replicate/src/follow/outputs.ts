/**
 * Every URL in an output that may be a picture, in order: models return one, a list, or an object with some. A data URL
 * says itself what it is.
 */
export function outputUrls(output: unknown): string[] {
  if (typeof output === "string") return isUrl(output) ? [output] : [];
  if (Array.isArray(output)) return output.flatMap(outputUrls);
  if (typeof output === "object" && output !== null) return Object.values(output).flatMap(outputUrls);
  return [];
}

/** The media type that a URL shows: a data URL's own, or by its file name. */
export function mediaTypeOf(url: string): string | undefined {
  const data = /^data:([\w.+-]+\/[\w.+-]+)/.exec(url)?.[1];
  if (data !== undefined) return data;
  const extension = /\.(png|jpe?g|webp|gif|avif|svg|tiff?)(?:[?#]|$)/i.exec(url)?.[1]?.toLowerCase();
  if (extension === undefined) return undefined;
  return `image/${{ jpg: "jpeg", svg: "svg+xml", tif: "tiff" }[extension] ?? extension}`;
}

function isUrl(text: string): boolean {
  return /^(https?:\/\/|data:(image\/|application\/octet-stream))/.test(text);
}
