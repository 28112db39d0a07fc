// Written by tools/docs/request.ts from input-types.ts: change it there.

/** What is told of a field beside its rules. */
export interface FieldText {
  description: string;
  unit?: string;
  /** Forms that JSON has of its own: a file, a latent, a seed, a name. */
  type?: string;
}

/** Texts by task and path; `*` is every task. */
export const fieldTexts: Readonly<Record<string, FieldText>> = {
  "*.model": {
    description: "The model, as the backend names it; the backend's own default where absent.",
  },
  "*.width": {
    description: "Width of the picture; the model's own where absent, or the input picture's.",
    unit: "pixels",
  },
  "*.height": {
    description: "Height of the picture; the model's own where absent, or the input picture's.",
    unit: "pixels",
  },
  "*.count": {
    description: "Number of pictures; picture i uses `seed + i`.",
    unit: "pictures",
  },
  "*.seed": {
    description:
      "What the random numbers begin with, 0 to 2^64-1: the same seed makes the same picture. A random one, told in the recipe, where absent.",
    type: "seed",
  },
  "*.steps": {
    description: "Number of sampling steps; the model's own where absent.",
    unit: "steps",
  },
  "*.guidanceScale": {
    description: "Classifier-free guidance scale (arXiv:2207.12598): how closely the prompt is followed; 1 is off.",
  },
  "*.guidance": {
    description: "How the prompt steers, beside `guidanceScale`: rescale, interval, perturbed attention, APG, …",
  },
  "*.guidance.mode": {
    description:
      "How conditional and unconditional predictions are joined: plain, CFG++ (arXiv:2406.08070), APG (arXiv:2410.02416), CFG-Zero* (arXiv:2503.18886).",
  },
  "*.guidance.rescale": {
    description: "Guidance rescale φ of arXiv:2305.08891; 0 is off.",
  },
  "*.guidance.start": {
    description: "Guidance acts from this fraction of the sampling (arXiv:2404.07724).",
  },
  "*.guidance.end": {
    description: "Guidance acts until this fraction of the sampling.",
  },
  "*.guidance.scales": {
    description: "Guidance scale of each step, in place of one number for all.",
  },
  "*.guidance.pagScale": {
    description: "Scale of perturbed-attention guidance (arXiv:2403.17377); 0 is off, 3 usual.",
  },
  "*.guidance.pagAdaptiveScale": {
    description:
      "How much of it is lost by each timestep below 1000, as diffusers' `pag_adaptive_scale`; 0 is nothing.",
  },
  "*.guidance.pagLayers": {
    description:
      'Which self-attentions are perturbed: `"mid"` (where absent), `"down"`, `"up"`, or any other part of, or regular expression that is found in, a layer\'s name, such as `"down_blocks.1"`. As diffusers\' `pag_applied_layers`.',
  },
  "*.guidance.apgEta": {
    description: "APG's weight of the part that is parallel to the prediction.",
  },
  "*.guidance.apgMomentum": {
    description: "APG's momentum over the steps.",
  },
  "*.guidance.apgNormThreshold": {
    description: "APG's bound on the norm of the guidance; 0 is none.",
  },
  "*.sampler": {
    description:
      "What steps the latents, by ComfyUI's names. diffusers' and A1111's are understood too and become ComfyUI's: \"DPM++ 2M Karras\" is `dpmpp_2m` with scheduler `karras`.",
    type: "name",
  },
  "*.scheduler": {
    description: "What makes the sigmas, by ComfyUI's names; A1111's (\"SGM Uniform\") become ComfyUI's.",
    type: "name",
  },
  "*.samplerOptions": {
    description:
      "The sampler's own settings, such as `eta` or `s_noise`: docs/samplers.md has each sampler's, with their ranges.",
  },
  "*.schedulerOptions": {
    description: "The scheduler's own settings, such as `rho` or `sigma_max`: docs/samplers.md has each scheduler's.",
  },
  "*.sigmas": {
    description:
      "Noise levels of your own, in place of `steps` and a `scheduler`: from 0 up, each below the one before, the last being where sampling ends, usually 0. On the model's own scale: to 1 for flow models, to about 14.6 for Stable Diffusion.",
  },
  "*.timesteps": {
    description:
      "Timesteps of your own, in place of `steps` and a `scheduler`: from 0 up to the last that the model was trained at (999 of Stable Diffusion), each below the one before; sampling ends without noise.",
  },
  "*.startStep": {
    description:
      "The first step to run, counted from 0 over all the `steps` and below them (ComfyUI's `start_at_step`). Text-to-image goes on with the `latent` that an earlier request left there; the other tasks noise their picture to that step's level, in place of a `strength`.",
    unit: "steps",
  },
  "*.endStep": {
    description:
      "The step to stop before, counted as `startStep` and above it (ComfyUI's `end_at_step`); above `steps` it is the last. What noise is left stays in the latent, and in the picture.",
    unit: "steps",
  },
  "*.noise": {
    description: "Where the random numbers come from: whose pictures of the same seed are made.",
  },
  "*.noise.source": {
    description: "Generator: torch's CPU MT19937, or CUDA's Philox, also called NV.",
  },
  "*.noise.device": {
    description:
      "With `nv`: the device whose numbers are wanted, by the properties that torch tells of it. Devices differ where a latent has more values than they run threads. Where absent, one as large as it takes, as A1111's NV.",
  },
  "*.noise.device.multiProcessorCount": {
    description: "torch's `multi_processor_count`.",
  },
  "*.noise.device.maxThreadsPerMultiProcessor": {
    description: "torch's `max_threads_per_multi_processor`.",
  },
  "*.noise.convention": {
    description:
      "Whose order of draws is followed; and whose levels and formulas, for the samplers by name that differ.",
  },
  "*.noise.subseed": {
    description: "A1111's sub-seed, blended by spherical interpolation.",
    type: "seed",
  },
  "*.noise.subseedStrength": {
    description: "How much of the sub-seed's noise there is: 0 none, 1 nothing else.",
  },
  "*.noise.ensd": {
    description: "A1111's eta noise seed delta: 31337 in NovelAI's pictures.",
  },
  "*.noise.resizeFrom": {
    description: "A1111's \"resize seed from\": the first noise's middle is that of a picture of this size.",
  },
  "*.noise.resizeFrom.width": {
    description: "Width of the picture.",
    unit: "pixels",
  },
  "*.noise.resizeFrom.height": {
    description: "Height of the picture.",
    unit: "pixels",
  },
  "*.noise.stepSeedOffset": {
    description: "ComfyUI: what the steps' generator adds to the seed; 1 as it does now on a CPU, 0 as before.",
  },
  "*.noise.batch": {
    description:
      "The picture's place in a batch whose pictures share random numbers with diffusers: an inpainted picture's latent, the Brownian tree of a `noise_sampler_seed`. It stands in the recipe of such a picture, which so makes it again alone.",
  },
  "*.noise.batch.index": {
    description: "Position from 0, below `size`.",
  },
  "*.noise.batch.size": {
    description: "Number of pictures in the batch.",
  },
  "*.clipSkip": {
    description:
      'Text encoder layers left off at the end; 1 is none, as in A1111 and ComfyUI. With `promptSyntax` `"plain"` for the prompt alone, as diffusers\' `clip_skip` (which is one less); with the others for the negative prompt too.',
    unit: "layers",
  },
  "*.conditioning": {
    description:
      "What steers beside the prompt: further texts, pictures as prompts, structures to follow; a hundred at most.",
  },
  "*.conditioning.text.kind": {
    description: "A further text.",
  },
  "*.conditioning.text.prompt": {
    description: "What it says.",
  },
  "*.conditioning.text.weight": {
    description: "Multiplies the text's influence; 1 is neutral.",
  },
  "*.conditioning.text.start": {
    description: "Fraction of the sampling at which it begins to act.",
  },
  "*.conditioning.text.end": {
    description: "Fraction of the sampling after which it no longer acts.",
  },
  "*.conditioning.image-prompt.kind": {
    description: "A picture as a prompt.",
  },
  "*.conditioning.image-prompt.image": {
    description: "The picture whose content or style is wanted.",
    type: "file",
  },
  "*.conditioning.image-prompt.model": {
    description: "Adapter to use; the backend's default where absent.",
  },
  "*.conditioning.image-prompt.imageEncoder": {
    description:
      "CLIP's image encoder that the adapter was made for; the one beside the adapter, or the backend's default, where absent.",
  },
  "*.conditioning.image-prompt.mask": {
    description: "Where the picture acts: white; everywhere where absent.",
    type: "file",
  },
  "*.conditioning.image-prompt.strength": {
    description: "Multiplies the picture's influence; 1 is neutral.",
  },
  "*.conditioning.image-prompt.start": {
    description: "Fraction of the sampling at which it begins to act.",
  },
  "*.conditioning.image-prompt.end": {
    description: "Fraction of the sampling after which it no longer acts.",
  },
  "*.conditioning.control.kind": {
    description: "A structure to follow.",
  },
  "*.conditioning.control.control": {
    description: "What the control picture shows: edges, depth, a pose, …",
  },
  "*.conditioning.control.image": {
    description: "The control picture itself: edges, a depth map, a pose's skeleton.",
    type: "file",
  },
  "*.conditioning.control.model": {
    description: "ControlNet to use; the backend's default for `control` where absent.",
  },
  "*.conditioning.control.prepare": {
    description:
      "Makes the control picture of `image`, which is then a photo: its edges, for instance. An event shows what was made.",
  },
  "*.conditioning.control.preprocessor": {
    description:
      "A network that makes the control picture of `image`, such as a depth estimator: a path, as the backend knows it.",
  },
  "*.conditioning.control.softWeights": {
    description:
      "Lets the control act less and less from the middle of the network to its outer layers, so that the prompt counts for more.",
  },
  "*.conditioning.control.guessMode": {
    description:
      "Follows the control even without a prompt, as diffusers' `guess_mode`: it acts on the conditional pass alone.",
  },
  "*.conditioning.control.strength": {
    description: "Multiplies the control's influence; 1 is neutral.",
  },
  "*.conditioning.control.start": {
    description: "Fraction of the sampling at which it begins to act.",
  },
  "*.conditioning.control.end": {
    description: "Fraction of the sampling after which it no longer acts.",
  },
  "*.conditioning.reference.kind": {
    description: "A picture to go by.",
  },
  "*.conditioning.reference.image": {
    description: "The picture that the prompt speaks of: to be changed, or to take things from.",
    type: "file",
  },
  "*.loras": {
    description: "LoRAs, with their strengths.",
  },
  "*.loras.model": {
    description: "File, name or URL of the LoRA, as the backend knows it.",
  },
  "*.loras.strength": {
    description: "Multiplies the LoRA's change to the unet (and the text encoder).",
  },
  "*.loras.textEncoderStrength": {
    description: "The text encoder's own strength, where it differs.",
  },
  "*.embeddings": {
    description: "Textual inversions, with the words that stand for them.",
  },
  "*.embeddings.model": {
    description: "File or name of the textual inversion, as the backend knows it.",
  },
  "*.embeddings.token": {
    description: "Word in the prompt that stands for it; the file's own where absent.",
  },
  "*.hires": {
    description: "A second pass at a larger size.",
  },
  "*.hires.scale": {
    description: "Enlargement of each side between the two passes.",
  },
  "*.hires.strength": {
    description: "How far the second pass moves from the enlarged picture: 0 keeps it, 1 ignores it.",
  },
  "*.hires.steps": {
    description: "Sampling steps of the second pass; those of the first where absent.",
    unit: "steps",
  },
  "*.hires.upscaler": {
    description:
      'What enlarges: an interpolation of the latent (`"nearest"`, `"bilinear"`, `"bicubic"`), of the picture (`"lanczos"`), or an upscaling network, as the backend names it.',
  },
  "*.hires.sampler": {
    description: "Sampler of the second pass; that of the first where absent.",
    type: "name",
  },
  "*.hires.scheduler": {
    description: "Scheduler of the second pass; that of the first where absent.",
    type: "name",
  },
  "*.previewEvery": {
    description: "Ask for a preview every so many steps; 0 is none.",
    unit: "steps",
  },
  "*.output": {
    description: "How pictures are delivered: format, quality, whether the recipe goes along.",
  },
  "*.output.format": {
    description: "Encoding of the pictures' files.",
  },
  "*.output.quality": {
    description: "Quality of JPEG and WebP files, as of libjpeg: 100 is the best.",
  },
  "*.output.embedRecipe": {
    description: "Whether the recipe is written into PNG files.",
  },
  "*.output.embedInputs": {
    description:
      "Whether recipes hold the bytes of inputs that were given as bytes or as data URLs. Where false the recipe has their SHA-256 and size, and making the picture again takes the files themselves.",
  },
  "*.output.latent": {
    description: "Whether each picture comes with the latent that sampling left, in `image.latent`.",
  },
  "*.backendOptions": {
    description: "Settings that one backend alone understands, under its id.",
  },
  "text-to-image.task": {
    description: "What is made.",
  },
  "text-to-image.latent": {
    description:
      "With `startStep`: the latent that an earlier request left there, gone on with as it is. Without: the noise to start from, of unit variance, as diffusers' `latents`.",
    type: "latent",
  },
  "text-to-image.refine": {
    description: "Stages that go on with the picture, one after the other, each in the recipe.",
  },
  "text-to-image.refine.strength": {
    description: "How far to move from the picture before: 0 keeps it, 1 ignores it.",
  },
  "text-to-image.refine.steps": {
    description: "Sampling steps of this stage; the request's where absent.",
    unit: "steps",
  },
  "text-to-image.refine.prompt": {
    description: "What to draw in this stage; the request's prompt where absent.",
  },
  "text-to-image.refine.negativePrompt": {
    description: "What to keep out in this stage; the request's where absent.",
  },
  "text-to-image.refine.guidanceScale": {
    description: "Guidance scale of this stage; the request's where absent.",
  },
  "text-to-image.refine.sampler": {
    description: "Sampler of this stage; the request's where absent.",
    type: "name",
  },
  "text-to-image.refine.scheduler": {
    description: "Scheduler of this stage; the request's where absent.",
    type: "name",
  },
  "text-to-image.refine.seed": {
    description:
      "What this stage's random numbers begin with; the picture's seed plus the stage's number, from 1, where absent.",
    type: "seed",
  },
  "text-to-image.refine.box": {
    description: "The part to paint, as a rectangle.",
  },
  "text-to-image.refine.box.left": {
    description: "Its left edge, from the picture's.",
    unit: "pixels",
  },
  "text-to-image.refine.box.top": {
    description: "Its upper edge, from the picture's.",
    unit: "pixels",
  },
  "text-to-image.refine.box.width": {
    description: "Its width.",
    unit: "pixels",
  },
  "text-to-image.refine.box.height": {
    description: "Its height.",
    unit: "pixels",
  },
  "text-to-image.refine.mask": {
    description: "The part to paint: white.",
    type: "file",
  },
  "text-to-image.refine.maskGrow": {
    description: "How far the mask's white grows on each side, before the blur; below 0 it shrinks.",
    unit: "pixels",
  },
  "text-to-image.refine.maskBlur": {
    description: "Standard deviation of the blur over the mask's edge, across which old and new are blended.",
    unit: "pixels",
  },
  "text-to-image.refine.maskPadding": {
    description: "What of the picture is looked at around the part that is painted alone; 32 where absent.",
    unit: "pixels",
  },
  "text-to-image.draft": {
    description: "Makes a draft of the picture.",
  },
  "text-to-image.draft.steps": {
    description: "Sampling steps of the draft; about a third of the request's where absent.",
    unit: "steps",
  },
  "text-to-image.draft.scale": {
    description: "Size of the draft's sides, as a share of the request's.",
  },
  "text-to-image.prompt": {
    description: "What to draw.",
  },
  "text-to-image.negativePrompt": {
    description: "What to keep out.",
  },
  "text-to-image.promptSyntax": {
    description:
      'How signs in the prompts are read; the backend\'s own way where absent. `"plain"`: as they stand; one text encoder\'s length of them, as diffusers. `"a1111"`: as AUTOMATIC1111 reads them: `(word:1.3)`, `(word)`, `[word]`, BREAK, AND, `[from:to:when]`, `[a|b]`. `"comfyui"`: as ComfyUI: `(word:1.3)`, `(word)`. With these two, texts of any length count.',
  },
  "image-to-image.task": {
    description: "What is made.",
  },
  "image-to-image.image": {
    description: "The picture to begin with; or `latent`.",
    type: "file",
  },
  "image-to-image.latent": {
    description:
      "The picture's latent, clean and in the network's scale (the VAE's times its scaling factor), in place of `image`.",
    type: "latent",
  },
  "image-to-image.strength": {
    description: "How far to move from the image: 0 keeps it, 1 ignores it.",
  },
  "image-to-image.imageGuidanceScale": {
    description:
      "How much the input picture guides a model that edits by instruction (InstructPix2Pix, arXiv:2211.09800): 1 is off, 1.5 usual, below 1 turns `guidanceScale` off too. The model's own default where absent.",
  },
  "image-to-image.refine": {
    description:
      "Stages that go on with the picture, one after the other, each in the recipe; with a `strength` of 0 with `image` as it is.",
  },
  "image-to-image.refine.strength": {
    description: "How far to move from the picture before: 0 keeps it, 1 ignores it.",
  },
  "image-to-image.refine.steps": {
    description: "Sampling steps of this stage; the request's where absent.",
    unit: "steps",
  },
  "image-to-image.refine.prompt": {
    description: "What to draw in this stage; the request's prompt where absent.",
  },
  "image-to-image.refine.negativePrompt": {
    description: "What to keep out in this stage; the request's where absent.",
  },
  "image-to-image.refine.guidanceScale": {
    description: "Guidance scale of this stage; the request's where absent.",
  },
  "image-to-image.refine.sampler": {
    description: "Sampler of this stage; the request's where absent.",
    type: "name",
  },
  "image-to-image.refine.scheduler": {
    description: "Scheduler of this stage; the request's where absent.",
    type: "name",
  },
  "image-to-image.refine.seed": {
    description:
      "What this stage's random numbers begin with; the picture's seed plus the stage's number, from 1, where absent.",
    type: "seed",
  },
  "image-to-image.refine.box": {
    description: "The part to paint, as a rectangle.",
  },
  "image-to-image.refine.box.left": {
    description: "Its left edge, from the picture's.",
    unit: "pixels",
  },
  "image-to-image.refine.box.top": {
    description: "Its upper edge, from the picture's.",
    unit: "pixels",
  },
  "image-to-image.refine.box.width": {
    description: "Its width.",
    unit: "pixels",
  },
  "image-to-image.refine.box.height": {
    description: "Its height.",
    unit: "pixels",
  },
  "image-to-image.refine.mask": {
    description: "The part to paint: white.",
    type: "file",
  },
  "image-to-image.refine.maskGrow": {
    description: "How far the mask's white grows on each side, before the blur; below 0 it shrinks.",
    unit: "pixels",
  },
  "image-to-image.refine.maskBlur": {
    description: "Standard deviation of the blur over the mask's edge, across which old and new are blended.",
    unit: "pixels",
  },
  "image-to-image.refine.maskPadding": {
    description: "What of the picture is looked at around the part that is painted alone; 32 where absent.",
    unit: "pixels",
  },
  "image-to-image.prompt": {
    description: "What to draw.",
  },
  "image-to-image.negativePrompt": {
    description: "What to keep out.",
  },
  "image-to-image.promptSyntax": {
    description:
      'How signs in the prompts are read; the backend\'s own way where absent. `"plain"`: as they stand; one text encoder\'s length of them, as diffusers. `"a1111"`: as AUTOMATIC1111 reads them: `(word:1.3)`, `(word)`, `[word]`, BREAK, AND, `[from:to:when]`, `[a|b]`. `"comfyui"`: as ComfyUI: `(word:1.3)`, `(word)`. With these two, texts of any length count.',
  },
  "inpaint.task": {
    description: "What is made.",
  },
  "inpaint.image": {
    description: "The picture to paint in.",
    type: "file",
  },
  "inpaint.mask": {
    description: "White where the picture is to be painted anew, black where it is kept.",
    type: "file",
  },
  "inpaint.onlyMasked": {
    description:
      "Paints the part that the mask shows alone, with `maskPadding` around it: cut out, painted at `width` and `height` (the model's own where absent) and put back, so that small things get all of the model's pixels. The picture keeps its size.",
  },
  "inpaint.strength": {
    description: "How far to move from the image where the mask is white: 0 keeps it, 1 ignores it.",
  },
  "inpaint.keepUnmasked": {
    description:
      "Whether the picture is kept bit for bit where the mask is black, on every backend. False leaves what the model made of it: the VAE changes every pixel a little.",
  },
  "inpaint.refine": {
    description: "Stages that go on with the picture where the mask is white, one after the other, each in the recipe.",
  },
  "inpaint.refine.strength": {
    description: "How far to move from the picture before: 0 keeps it, 1 ignores it.",
  },
  "inpaint.refine.steps": {
    description: "Sampling steps of this stage; the request's where absent.",
    unit: "steps",
  },
  "inpaint.refine.prompt": {
    description: "What to draw in this stage; the request's prompt where absent.",
  },
  "inpaint.refine.negativePrompt": {
    description: "What to keep out in this stage; the request's where absent.",
  },
  "inpaint.refine.guidanceScale": {
    description: "Guidance scale of this stage; the request's where absent.",
  },
  "inpaint.refine.sampler": {
    description: "Sampler of this stage; the request's where absent.",
    type: "name",
  },
  "inpaint.refine.scheduler": {
    description: "Scheduler of this stage; the request's where absent.",
    type: "name",
  },
  "inpaint.refine.seed": {
    description:
      "What this stage's random numbers begin with; the picture's seed plus the stage's number, from 1, where absent.",
    type: "seed",
  },
  "inpaint.refine.box": {
    description: "The part to paint, as a rectangle.",
  },
  "inpaint.refine.box.left": {
    description: "Its left edge, from the picture's.",
    unit: "pixels",
  },
  "inpaint.refine.box.top": {
    description: "Its upper edge, from the picture's.",
    unit: "pixels",
  },
  "inpaint.refine.box.width": {
    description: "Its width.",
    unit: "pixels",
  },
  "inpaint.refine.box.height": {
    description: "Its height.",
    unit: "pixels",
  },
  "inpaint.refine.mask": {
    description: "The part to paint: white.",
    type: "file",
  },
  "inpaint.refine.maskGrow": {
    description: "How far the mask's white grows on each side, before the blur; below 0 it shrinks.",
    unit: "pixels",
  },
  "inpaint.refine.maskBlur": {
    description: "Standard deviation of the blur over the mask's edge, across which old and new are blended.",
    unit: "pixels",
  },
  "inpaint.refine.maskPadding": {
    description: "What of the picture is looked at around the part that is painted alone; 32 where absent.",
    unit: "pixels",
  },
  "inpaint.prompt": {
    description: "What to draw.",
  },
  "inpaint.negativePrompt": {
    description: "What to keep out.",
  },
  "inpaint.promptSyntax": {
    description:
      'How signs in the prompts are read; the backend\'s own way where absent. `"plain"`: as they stand; one text encoder\'s length of them, as diffusers. `"a1111"`: as AUTOMATIC1111 reads them: `(word:1.3)`, `(word)`, `[word]`, BREAK, AND, `[from:to:when]`, `[a|b]`. `"comfyui"`: as ComfyUI: `(word:1.3)`, `(word)`. With these two, texts of any length count.',
  },
  "inpaint.maskGrow": {
    description: "How far the mask's white grows on each side, before the blur; below 0 it shrinks.",
    unit: "pixels",
  },
  "inpaint.maskBlur": {
    description: "Standard deviation of the blur over the mask's edge, across which old and new are blended.",
    unit: "pixels",
  },
  "inpaint.maskPadding": {
    description: "What of the picture is looked at around the part that is painted alone; 32 where absent.",
    unit: "pixels",
  },
  "outpaint.task": {
    description: "What is made.",
  },
  "outpaint.image": {
    description: "The picture to paint around.",
    type: "file",
  },
  "outpaint.left": {
    description: "What to add at the left.",
    unit: "pixels",
  },
  "outpaint.right": {
    description: "What to add at the right.",
    unit: "pixels",
  },
  "outpaint.top": {
    description: "What to add at the top.",
    unit: "pixels",
  },
  "outpaint.bottom": {
    description: "What to add at the bottom.",
    unit: "pixels",
  },
  "outpaint.feather": {
    description: "Width of the soft edge between old and new.",
    unit: "pixels",
  },
  "outpaint.strength": {
    description: "How far to move from what lies under the new part: 1 ignores it.",
  },
  "outpaint.keepUnmasked": {
    description: "Whether the old picture is kept bit for bit but for its soft edge, on every backend.",
  },
  "outpaint.refine": {
    description: "Stages that go on with what was added, one after the other, each in the recipe.",
  },
  "outpaint.refine.strength": {
    description: "How far to move from the picture before: 0 keeps it, 1 ignores it.",
  },
  "outpaint.refine.steps": {
    description: "Sampling steps of this stage; the request's where absent.",
    unit: "steps",
  },
  "outpaint.refine.prompt": {
    description: "What to draw in this stage; the request's prompt where absent.",
  },
  "outpaint.refine.negativePrompt": {
    description: "What to keep out in this stage; the request's where absent.",
  },
  "outpaint.refine.guidanceScale": {
    description: "Guidance scale of this stage; the request's where absent.",
  },
  "outpaint.refine.sampler": {
    description: "Sampler of this stage; the request's where absent.",
    type: "name",
  },
  "outpaint.refine.scheduler": {
    description: "Scheduler of this stage; the request's where absent.",
    type: "name",
  },
  "outpaint.refine.seed": {
    description:
      "What this stage's random numbers begin with; the picture's seed plus the stage's number, from 1, where absent.",
    type: "seed",
  },
  "outpaint.refine.box": {
    description: "The part to paint, as a rectangle.",
  },
  "outpaint.refine.box.left": {
    description: "Its left edge, from the picture's.",
    unit: "pixels",
  },
  "outpaint.refine.box.top": {
    description: "Its upper edge, from the picture's.",
    unit: "pixels",
  },
  "outpaint.refine.box.width": {
    description: "Its width.",
    unit: "pixels",
  },
  "outpaint.refine.box.height": {
    description: "Its height.",
    unit: "pixels",
  },
  "outpaint.refine.mask": {
    description: "The part to paint: white.",
    type: "file",
  },
  "outpaint.refine.maskGrow": {
    description: "How far the mask's white grows on each side, before the blur; below 0 it shrinks.",
    unit: "pixels",
  },
  "outpaint.refine.maskBlur": {
    description: "Standard deviation of the blur over the mask's edge, across which old and new are blended.",
    unit: "pixels",
  },
  "outpaint.refine.maskPadding": {
    description: "What of the picture is looked at around the part that is painted alone; 32 where absent.",
    unit: "pixels",
  },
  "outpaint.prompt": {
    description: "What to draw.",
  },
  "outpaint.negativePrompt": {
    description: "What to keep out.",
  },
  "outpaint.promptSyntax": {
    description:
      'How signs in the prompts are read; the backend\'s own way where absent. `"plain"`: as they stand; one text encoder\'s length of them, as diffusers. `"a1111"`: as AUTOMATIC1111 reads them: `(word:1.3)`, `(word)`, `[word]`, BREAK, AND, `[from:to:when]`, `[a|b]`. `"comfyui"`: as ComfyUI: `(word:1.3)`, `(word)`. With these two, texts of any length count.',
  },
  "upscale.task": {
    description: "What is made.",
  },
  "upscale.prompt": {
    description: "What the picture shows, for upscalers that take a prompt.",
  },
  "upscale.negativePrompt": {
    description: "What to keep out.",
  },
  "upscale.promptSyntax": {
    description:
      'How signs in the prompts are read; the backend\'s own way where absent. `"plain"`: as they stand; one text encoder\'s length of them, as diffusers. `"a1111"`: as AUTOMATIC1111 reads them: `(word:1.3)`, `(word)`, `[word]`, BREAK, AND, `[from:to:when]`, `[a|b]`. `"comfyui"`: as ComfyUI: `(word:1.3)`, `(word)`. With these two, texts of any length count.',
  },
  "upscale.image": {
    description: "The picture to enlarge.",
    type: "file",
  },
  "upscale.scale": {
    description: "Enlargement of each side; where absent, the model's own where it knows but one.",
  },
  "upscale.redraw": {
    description:
      "Draws the enlarged picture anew, by a model that has image-to-image and no way of its own to enlarge; `{}` for the usual settings.",
  },
  "upscale.redraw.strength": {
    description: "How far to move from the enlarged picture: 0 keeps it, 1 ignores it.",
  },
  "upscale.redraw.steps": {
    description: "Sampling steps of each tile; the model's own where absent.",
    unit: "steps",
  },
  "upscale.redraw.tileSize": {
    description: "Sides of a tile; the model's own size where absent.",
    unit: "pixels",
  },
  "upscale.redraw.tileOverlap": {
    description: "How far neighbouring tiles lie over each other, which is blended.",
    unit: "pixels",
  },
  "upscale.redraw.upscaler": {
    description: "An upscaling network that enlarges first, as the backend names it; a Lanczos filter where absent.",
  },
  "unconditional.task": {
    description: "What is made.",
  },
  "unconditional.classLabel": {
    description: "Which of its classes a model that was trained on some draws, from 0 on.",
  },
};
