/** Room in a terminal, in character cells. */
export interface Cells {
  columns: number;
  rows: number;
}

/**
 * kitty's graphics protocol: a PNG in chunks of at most 4096 base64 digits. sw.kovidgoyal.net/kitty/graphics-protocol
 *
 * @param number under which it takes an earlier picture's place; the cursor then stays where it is.
 */
export function kitty(png: Uint8Array, { columns, rows }: Cells, number?: number): string {
  const replacing = number === undefined ? "" : `i=${number},p=1,C=1,`;
  const chunks =
    Buffer.from(png)
      .toString("base64")
      .match(/.{1,4096}/g) ?? [];
  return chunks
    .map((chunk, i) => {
      const more = i < chunks.length - 1 ? 1 : 0;
      // q=2: the terminal must not answer, as nobody reads.
      const keys = i === 0 ? `a=T,f=100,q=2,${replacing}c=${columns},r=${rows},m=${more}` : `q=2,m=${more}`;
      return `\u001B_G${keys};${chunk}\u001B\\`;
    })
    .join("");
}

/** iTerm2's inline images. iterm2.com/documentation-images.html */
export function iterm2(png: Uint8Array, { columns, rows }: Cells): string {
  const keys = `inline=1;size=${png.length};width=${columns};height=${rows};preserveAspectRatio=1`;
  return `\u001B]1337;File=${keys}:${Buffer.from(png).toString("base64")}\u0007`;
}
