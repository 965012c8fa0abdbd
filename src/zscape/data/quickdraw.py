"""The 345 categories of Quick, Draw!, by the names of its makers, and the files that hold them."""

from collections.abc import Sequence
from urllib.parse import quote

from zscape.errors import DataError, closest

_BUCKET = "https://storage.googleapis.com/quickdraw_dataset/sketchrnn"
_PREFIX = "quickdraw"

_LISTED = """
aircraft carrier, airplane, alarm clock, ambulance, angel, animal migration, ant, anvil, apple, arm,
asparagus, axe, backpack, banana, bandage, barn, baseball, baseball bat, basket, basketball, bat,
bathtub, beach, bear, beard, bed, bee, belt, bench, bicycle, binoculars, bird, birthday cake,
blackberry, blueberry, book, boomerang, bottlecap, bowtie, bracelet, brain, bread, bridge, broccoli,
broom, bucket, bulldozer, bus, bush, butterfly, cactus, cake, calculator, calendar, camel, camera,
camouflage, campfire, candle, cannon, canoe, car, carrot, castle, cat, ceiling fan, cello,
cell phone, chair, chandelier, church, circle, clarinet, clock, cloud, coffee cup, compass,
computer, cookie, cooler, couch, cow, crab, crayon, crocodile, crown, cruise ship, cup, diamond,
dishwasher, diving board, dog, dolphin, donut, door, dragon, dresser, drill, drums, duck, dumbbell,
ear, elbow, elephant, envelope, eraser, eye, eyeglasses, face, fan, feather, fence, finger,
fire hydrant, fireplace, firetruck, fish, flamingo, flashlight, flip flops, floor lamp, flower,
flying saucer, foot, fork, frog, frying pan, garden, garden hose, giraffe, goatee, golf club,
grapes, grass, guitar, hamburger, hammer, hand, harp, hat, headphones, hedgehog, helicopter, helmet,
hexagon, hockey puck, hockey stick, horse, hospital, hot air balloon, hot dog, hot tub, hourglass,
house, house plant, hurricane, ice cream, jacket, jail, kangaroo, key, keyboard, knee, knife,
ladder, lantern, laptop, leaf, leg, light bulb, lighter, lighthouse, lightning, line, lion,
lipstick, lobster, lollipop, mailbox, map, marker, matches, megaphone, mermaid, microphone,
microwave, monkey, moon, mosquito, motorbike, mountain, mouse, moustache, mouth, mug, mushroom,
nail, necklace, nose, ocean, octagon, octopus, onion, oven, owl, paintbrush, paint can, palm tree,
panda, pants, paper clip, parachute, parrot, passport, peanut, pear, peas, pencil, penguin, piano,
pickup truck, picture frame, pig, pillow, pineapple, pizza, pliers, police car, pond, pool,
popsicle, postcard, potato, power outlet, purse, rabbit, raccoon, radio, rain, rainbow, rake,
remote control, rhinoceros, rifle, river, roller coaster, rollerskates, sailboat, sandwich, saw,
saxophone, school bus, scissors, scorpion, screwdriver, sea turtle, see saw, shark, sheep, shoe,
shorts, shovel, sink, skateboard, skull, skyscraper, sleeping bag, smiley face, snail, snake,
snorkel, snowflake, snowman, soccer ball, sock, speedboat, spider, spoon, spreadsheet, square,
squiggle, squirrel, stairs, star, steak, stereo, stethoscope, stitches, stop sign, stove,
strawberry, streetlight, string bean, submarine, suitcase, sun, swan, sweater, swing set, sword,
syringe, table, teapot, teddy-bear, telephone, television, tennis racquet, tent, The Eiffel Tower,
The Great Wall of China, The Mona Lisa, tiger, toaster, toe, toilet, tooth, toothbrush, toothpaste,
tornado, tractor, traffic light, train, tree, triangle, trombone, truck, trumpet, t-shirt, umbrella,
underwear, van, vase, violin, washing machine, watermelon, waterslide, whale, wheel, windmill,
wine bottle, wine glass, wristwatch, yoga, zebra, zigzag
"""
CATEGORIES = tuple(name.strip() for name in _LISTED.split(","))


def is_quickdraw(name: str) -> bool:
    """Whether a name asks for drawings of Quick, Draw!."""
    return name.partition(":")[0] == _PREFIX


def parse_quickdraw_name(name: str) -> tuple[str, ...]:
    """The categories that a name asks for.

    >>> parse_quickdraw_name("quickdraw:cat,alarm clock")
    ('cat', 'alarm clock')

    Raises:
        DataError: If none is named, one is named twice, or there is none of that name.
    """
    asked = [part.strip() for part in name.partition(":")[2].split(",") if part.strip()]
    if not asked:
        raise DataError(f"{name!r} names no category; write for example quickdraw:cat or quickdraw:cat,pig")
    folded = {category.lower().replace("_", " "): category for category in CATEGORIES}
    found = []
    for each in asked:
        category = folded.get(each.lower().replace("_", " "))
        if category is None:
            # All 345 are too many to list.
            hint = closest(each, CATEGORIES) or "quickdraw.withgoogle.com/data shows them"
            raise DataError(f"Quick, Draw! has no category {each!r}; {hint}")
        if category in found:
            raise DataError(f"{name!r} names {category!r} twice; name it once")
        found.append(category)
    return tuple(found)


def quickdraw_name(categories: Sequence[str]) -> str:
    """The name by which `load` finds these categories."""
    return f"{_PREFIX}:{','.join(categories)}"


def published_file(category: str) -> tuple[str, str]:
    """Path below a data folder, and address, of the file that the makers of sketch-rnn published."""
    return f"quickdraw/{category}.npz", f"{_BUCKET}/{quote(category)}.npz"


def other_file(category: str) -> str:
    """Path below a data folder at which drawings of a category from elsewhere are looked for."""
    return f"strokes/quickdraw_{category.lower().replace(' ', '_')}.npz"
