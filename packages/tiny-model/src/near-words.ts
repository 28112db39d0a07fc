/** Words that people ask for, by the words of the model's that are most like them. */
const kinds: readonly (readonly [near: readonly string[], words: string])[] = [
  [
    ["dog", "cat", "panda"],
    "animal pet fox wolf horse pony cow bull sheep lamb goat lion tiger bear rabbit bunny hare mouse rat hamster squirrel deer elephant giraffe monkey unicorn corgi beaver koala otter raccoon zebra camel kangaroo hedgehog",
  ],
  [["penguin"], "bird chicken duck eagle owl parrot raven crow swan goose robin flamingo peacock dove"],
  [["whale", "octopus", "turtle"], "fish shark dolphin orca seal squid jellyfish crab lobster goldfish seahorse"],
  [["butterfly"], "insect bee bug ladybug beetle ant moth dragonfly spider fly wasp"],
  [["turtle", "frog"], "snake lizard dragon dinosaur crocodile alligator salamander newt snail gecko"],
  [
    ["car", "rocket", "airplane"],
    "vehicle bus truck van taxi bicycle bike motorcycle scooter train tram tractor tank helicopter jet drone ambulance",
  ],
  [["sailboat"], "ship yacht canoe ferry submarine vessel"],
  [
    ["apple", "banana", "watermelon"],
    "fruit pear cherry strawberry grape grapes lemon lime pineapple peach plum mango kiwi melon berry",
  ],
  [["carrot", "pumpkin", "mushroom"], "vegetable tomato potato onion corn pepper broccoli cucumber salad"],
  [
    ["pizza", "hamburger", "ice cream"],
    "food bread cake cheese donut doughnut cookie sandwich burrito taco sushi pasta noodles pie cupcake chocolate candy fries",
  ],
  [["sunflower"], "flower flowers rose tulip daisy lily orchid dandelion bouquet"],
  [["tree", "cactus"], "forest wood woods palm oak pine leaf bush plant jungle garden"],
  [["house"], "castle tower lighthouse church cabin hut building city town village barn bridge skyscraper temple"],
  [
    ["robot", "snowman", "ghost"],
    "person man woman boy girl child people human knight queen king wizard astronaut portrait face monster alien zombie hero princess skeleton",
  ],
  [["guitar"], "piano violin drum trumpet flute music"],
  [["soccer ball", "balloon"], "sphere toy basketball kite"],
  [["key", "gift", "umbrella"], "box bag book cup bottle chair table lamp clock phone computer hat shoe"],
  [["star", "moon"], "sun planet galaxy space sky comet earth"],
  [["by the sea at sunset"], "beach ocean coast lake river water island waves storm harbor sunrise"],
  [["in the desert"], "dune dunes canyon mars"],
  [["in the snow"], "mountain mountains ice glacier arctic snowy christmas blizzard"],
  [["on a green meadow"], "field park lawn hill hills farm nature"],
  [["in a starry night"], "dark darkness midnight evening dusk"],
  [["cartoon style"], "anime comic manga watercolor sketch pencil ink disney pixel sticker"],
  [["glossy 3d style"], "photorealistic realistic photography cinematic photograph clay plastic"],
  [["flat style"], "vector logo minimalist minimal simple emoji line"],
  [["purple"], "violet lavender indigo lilac"],
  [["turquoise"], "cyan teal aqua"],
  [["pink"], "magenta rose salmon"],
  [["red"], "crimson scarlet maroon ruby"],
  [["blue"], "navy azure cobalt"],
  [["yellow", "orange"], "gold amber"],
  [["gray"], "silver metallic"],
  [["white"], "ivory cream beige"],
  [["green"], "lime olive emerald"],
];

const table = new Map(kinds.flatMap(([near, words]) => words.split(" ").map((word) => [word, near] as const)));

/** Words of the embedded model's that are most like one that it does not know: for `"fox"`, dog, cat and panda. None where none is. */
export function nearWords(word: string): readonly string[] {
  return table.get(word) ?? table.get(word.replace(/s$/, "")) ?? [];
}
