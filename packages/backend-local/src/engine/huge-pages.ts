/**
 * glibc asks Linux for pages of 2 MB for large blocks (`glibc.malloc.hugetlb=1`, https://sourceware.org/glibc/manual/latest/html_node/Memory-Allocation-Tunables.html),
 * where Linux gives them to those who ask (`madvise`, most distributions' setting). Values between layers are such blocks: a VAE's decoding
 * spends a quarter of its time on clearing and finding pages of 4 kB. Who has said otherwise is left to it; other C libraries ignore it.
 */
export function withHugePages(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): NodeJS.ProcessEnv {
  const { GLIBC_TUNABLES: own } = env;
  if (platform !== "linux" || own?.includes("glibc.malloc.hugetlb=")) return env;
  return { ...env, GLIBC_TUNABLES: [own, "glibc.malloc.hugetlb=1"].filter(Boolean).join(":") };
}
