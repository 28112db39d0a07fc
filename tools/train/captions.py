"""Writes what a composite shows as a prompt, in many wordings, with parts left out now and then."""
import string

from vocabulary import COLOURS, OBJECT_DATA, OBJECTS, SCENES, STYLES

ON_COLOUR = ["on {a} background", "on {a} background", "on {}", "with {a} background", "against {a} background"]
PLACES = {
    "left": ["on the left", "at the left", "on the left side"],
    "right": ["on the right", "at the right", "on the right side"],
    "center": ["in the center", "in the middle", "centered"],
}
SIZE_WORDS = {"small": ["small", "tiny", "little"], "large": ["large", "big", "huge"]}
OPENINGS = ["a picture of", "an image of", "a photo of", "a drawing of", "an illustration of", "a painting of"]
FILLERS = ["cute", "beautiful", "detailed", "high quality", "nice", "simple", "best quality", "lovely", "one", "the", "with", "and", "very"]
TAG_STYLE = {"3d": ["3d", "glossy", "3d render"], "flat": ["flat", "flat icon"], "cartoon": ["cartoon"]}


def article(words):
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def background_phrase(name, rng):
    if name in COLOURS:
        word = "grey" if name == "gray" and rng.random() < 0.3 else name
        return str(rng.choice(ON_COLOUR)).format(word, a=article(word))
    return str(rng.choice(SCENES[name]))


def _noise_word(rng):
    """Letters that mean nothing, so that unknown words in a prompt are known to mean nothing."""
    return "".join(rng.choice(list(string.ascii_lowercase), rng.integers(2, 6)))


def _subject(c, rng):
    data = OBJECT_DATA[c.object]
    name = c.object
    if data["synonyms"] and rng.random() < 0.15:
        name = str(rng.choice(data["synonyms"]))
    colour = data["colour"] if rng.random() < 0.2 else ""
    return colour, name


def caption(c, rng, complete=False):
    """`complete` always names the background; otherwise it is left out now and then."""
    colour, name = _subject(c, rng)
    size = str(rng.choice(SIZE_WORDS[c.size])) if c.size != "normal" and rng.random() < 0.9 else ""
    odds = {"left": 0.9, "right": 0.9, "center": 0.08}[c.position]
    place = str(rng.choice(PLACES[c.position])) if rng.random() < odds else ""
    behind = background_phrase(c.background, rng) if complete or rng.random() < 0.93 else ""
    styled = rng.random() < (0.3 if c.style == "3d" else 0.7)
    filler = ""
    if rng.random() < 0.08:
        filler = str(rng.choice(FILLERS)) if rng.random() < 0.6 else _noise_word(rng)
    if rng.random() < 0.15:  # tags
        behind = f"{c.background} background" if behind and c.background in COLOURS and rng.random() < 0.7 else behind
        style = str(rng.choice(TAG_STYLE[c.style])) if styled else ""
        tags = [part for part in (" ".join(filter(None, (size, colour, name))), place, behind, style, filler) if part]
        if rng.random() < 0.5:
            rng.shuffle(tags)
        return ", ".join(tags)
    subject = " ".join(filter(None, (filler, size, colour, name)))
    lead = f"{c.style} " if styled and rng.random() < 0.25 else ""
    head = f"{lead}{subject}" if rng.random() < 0.15 else article(f"{lead}{subject}")
    if rng.random() < 0.08:
        head = f"{rng.choice(OPENINGS)} {head}"
    tail = [place, behind]
    if rng.random() < 0.2:
        tail.reverse()
    words = " ".join(filter(None, (head, *tail)))
    if styled and not lead:
        words += f", {rng.choice(STYLES[c.style])}"
    return words


def plain(object, background):
    """The wording that the evaluation uses."""
    phrase = f"on {article(background)} background" if background in COLOURS else SCENES[background][0]
    return f"{article(object)} {phrase}"


def words():
    """Every word that a caption can hold, for the tokenizer."""
    texts = [*OBJECTS, *OPENINGS, *FILLERS, *COLOURS, "grey", *SCENES, *STYLES]
    for group in (ON_COLOUR, *PLACES.values(), *SIZE_WORDS.values(), *SCENES.values(), *STYLES.values(), *TAG_STYLE.values()):
        texts.extend(group)
    for data in OBJECT_DATA.values():
        texts.extend([data["colour"], *data["synonyms"]])
    return sorted({w for t in texts for w in t.lower().replace("{}", " ").replace("{a}", " ").replace("-", " ").split()} | {"a", "an", "of", "in", "style"})
