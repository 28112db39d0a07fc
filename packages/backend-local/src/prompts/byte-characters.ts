/**
 * The printable characters that stand for the bytes in a byte-level BPE vocabulary (Radford et al. 2019), in the order of CLIP's ids: bytes
 * that are printable stand for themselves and come first.
 */
export function byteCharacters(): string[] {
  const isPlain = (byte: number) => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  const others = bytes.filter((byte) => !isPlain(byte));
  const points = [...bytes.filter(isPlain), ...others.map((_, i) => 256 + i)];
  return points.map((point) => String.fromCodePoint(point));
}
