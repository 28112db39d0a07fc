import ipaddr from "ipaddr.js";

/**
 * Whether an IP address is one of the public internet: not this machine's, a private network's, link-local (where clouds keep their
 * credentials), multicast, or a form that hides one of these (IPv4 in IPv6, 6to4, NAT64).
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  // IPv6 hands out global addresses in 2000::/3 alone (RFC 4291, section 2.4).
  return parsed.range() === "unicast" && (parsed.kind() === "ipv4" || (parsed.toByteArray()[0]! & 0xe0) === 0x20);
}
