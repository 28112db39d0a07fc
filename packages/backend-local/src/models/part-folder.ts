/** Name of a part's folder: `textEncoder2` lies in text_encoder_2. */
export function folderNameOf(part: string): string {
  return part.replace(/[A-Z]|\d+$/g, (end) => `_${end.toLowerCase()}`);
}
