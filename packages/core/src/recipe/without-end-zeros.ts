/** A text without the zeros that fill its field at the end. An expression for it takes the square of the length where they are not at the end. */
export function withoutEndZeros(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 0) end--;
  return text.slice(0, end);
}
