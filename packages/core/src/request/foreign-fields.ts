/** Other libraries' names (diffusers', OpenAI's, A1111's) of what a request has by another name, by their letters alone. */
const ours: Readonly<Record<string, string>> = {
  numinferencesteps: "steps",
  samplingsteps: "steps",
  cfg: "guidanceScale",
  cfgscale: "guidanceScale",
  n: "count",
  batchsize: "count",
  numimages: "count",
  numoutputs: "count",
  numimagesperprompt: "count",
  generator: "seed",
  manualseed: "seed",
  samplername: "sampler",
  denoisingstrength: "strength",
  denoise: "strength",
  initimage: "image",
  initimages: "image",
  inputimage: "image",
  referenceimages: "image",
  maskimage: "mask",
  size: "width and height",
  aspectratio: "width and height",
  format: "output.format",
  outputformat: "output.format",
  responseformat: "output.format; result.images have bytes(), dataUrl(), blob() and toResponse()",
  outputtype: "output.format, or output.latent",
  quality: "output.quality",
  outputcompression: "output.quality",
  eta: "samplerOptions.eta",
  guidancerescale: "guidance.rescale",
  lora: "loras",
  controlnet: 'conditioning, with an entry of kind "control"',
  controlimage: 'conditioning, with an entry of kind "control"',
  ipadapterimage: 'conditioning, with an entry of kind "image-prompt"',
  enablehr: "hires",
  hrscale: "hires.scale",
  provideroptions: "backendOptions",
  signal: "generate(request, { signal })",
  timeoutms: "generate(request, { timeoutMs })",
  onunsupported: "generate(request, { onUnsupported })",
};

/** Where a field with another library's name is found here; undefined for a name that is nobody's. */
export function foreignField(name: string): string | undefined {
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, "");
  const field = Object.hasOwn(ours, plain) ? ours[plain] : undefined;
  return field === undefined ? undefined : `use ${field}`;
}
