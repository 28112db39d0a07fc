/** Settings have some thousand of these at most; JSON of millions takes a hundred times its length in memory. */
const maxParts = 200_000;
const maxDepth = 500;

/** Why JSON is not worth reading, in words: what is larger or deeper than any settings are. One pass, before anything is parsed. */
export function jsonFault(text: string): string | undefined {
  let [parts, depth, isText] = [0, 0, false];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (isText) {
      if (code === backslash) i++;
      else if (code === quote) isText = false;
    } else if (code === quote) isText = true;
    else if (code === openList || code === openObject || code === comma) {
      if (++parts > maxParts) return `it has more than ${maxParts} parts`;
      if (code !== comma && ++depth > maxDepth) return `it is nested more than ${maxDepth} deep`;
    } else if (code === closeList || code === closeObject) depth--;
  }
  return undefined;
}

const [quote, comma, backslash] = [0x22, 0x2c, 0x5c];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];
