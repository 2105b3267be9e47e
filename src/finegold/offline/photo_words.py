"""Words of captions of everyday photos, grouped by what can be asked about them."""

import re
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Thing:
    """Something that a caption names.

    Attributes:
        name: Its usual word, also the answer of one word.
        plural: Its usual word for several; empty for what is not counted, such as snow.
        family: What it is alike to. A photo with one of a family may show others that no caption names.
        others: Further words for one of it.
        more: Further words for several.
    """

    name: str
    plural: str
    family: str
    others: tuple[str, ...] = ()
    more: tuple[str, ...] = ()

    @property
    def phrase(self) -> str:
        """The word with its article."""
        if not self.plural or self.plural == self.name:
            return self.name
        return f"{'an' if self.name[0] in 'aeiou' else 'a'} {self.name}"

    @cached_property
    def one(self) -> re.Pattern[str]:
        """Finds a word for one of it."""
        return words((self.name, *self.others))

    @cached_property
    def several(self) -> re.Pattern[str]:
        """Finds a word for several of it."""
        return words((self.plural, *self.more)) if self.plural else NOTHING

    def named(self, caption: str) -> bool:
        """Whether a caption, in small letters, names one or several of it."""
        # Most captions hold none of the words, which a plain search tells much sooner than a pattern.
        return any(word in caption for word in self.every) and bool(
            self.one.search(caption) or self.several.search(caption)
        )

    @cached_property
    def every(self) -> tuple[str, ...]:
        """All words for it."""
        return tuple(filter(None, (self.name, self.plural, *self.others, *self.more)))


def words(several: tuple[str, ...]) -> re.Pattern[str]:
    """Pattern that finds one of these as a whole word or phrase."""
    return re.compile(rf"(?<![\w-])(?:{'|'.join(several)})(?![\w-])")


NOTHING = re.compile(r"(?!)")
PERSON, ANIMAL = "person", "animal"


def _table(text: str) -> tuple[Thing, ...]:
    """Lines `family: name/plural/others/more; ...`; others and more are separated by commas."""
    found = []
    for line in text.strip().splitlines():
        family, _, rest = line.partition(":")
        for entry in rest.split(";"):
            name, plural, others, more = (*entry.strip().split("/"), "", "", "")[:4]
            split = [tuple(filter(None, part.split(","))) for part in (others, more)]
            found.append(Thing(name, plural, family.strip(), *split))
    return tuple(found)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


THINGS = _table("""
person: man/men/guy,gentleman/guys; woman/women/lady/ladies; boy/boys; girl/girls
person: child/children/kid,toddler/kids,toddlers; baby/babies/infant
animal: dog/dogs/puppy,greyhound,poodle,retriever,terrier,bulldog,collie/puppies,greyhounds
animal: horse/horses/pony; bird/birds/seagull,duck,goose/seagulls,ducks; cat/cats/kitten; cow/cows/bull
animal: sheep/sheep/lamb
ball: ball/balls/basketball,football,baseball,volleyball,tennis ball,soccer ball
cycle: bike/bikes/bicycle,bmx/bicycles; motorcycle/motorcycles/motorbike,dirt bike/motorbikes,dirt bikes
board: skateboard/skateboards; surfboard/surfboards; snowboard/snowboards
water: boat/boats/kayak,canoe,raft,sailboat/kayaks,canoes; wave/waves/surf; pool/pools/swimming pool
water: fountain/fountains
street: car/cars/truck,jeep,van/trucks; bus/buses; train/trains/subway
street: building/buildings/house,skyscraper/houses; sign/signs
seat: bench/benches; chair/chairs; couch/couches/sofa; table/tables; bed/beds
wear: hat/hats/cap/caps; helmet/helmets; dress/dresses; backpack/backpacks; mask/masks; costume/costumes
hold: umbrella/umbrellas; guitar/guitars; microphone/microphones; book/books/newspaper
hold: cellphone/cellphones/phone,cell phone
hold: flag/flags; balloon/balloons; bottle/bottles; cigarette/cigarettes
throw: frisbee/frisbees; stick/sticks/branch; toy/toys; rope/ropes
play: swing/swings; slide/slides; trampoline/trampolines; ramp/ramps/half-pipe; tent/tents
plant: tree/trees; flower/flowers; bush/bushes
hill: mountain/mountains; rock/rocks/boulder,cliff/boulders,cliffs; fence/fences; bridge/bridges
""")
UNCOUNTED = _table("""
ground: snow//snowy,snow-covered,snowbank; sand//sandy; grass//grassy,lawn
ground: water//river,lake,ocean,sea,pond
""")
UNCLEAR_PEOPLE = re.compile(
    r"\b(?:people|persons?|someone|groups?|crowds?|crowded|couple|family|families|team|others?|adults?|audience|"
    r"spectators|band|parents?|teenagers?|teens?|friends?|they|their|everyone|mother|father|mom|dad|"
    r"(?!water|under|over|after|another|other|her|river|tower|ladder|number|corner|winter|summer|together|"
    r"leather|water|paper|flower|sweater|counter|scooter|deer|center|helicopter|rollercoaster|silver|bigger|"
    r"smaller|larger|either|shower|cover|never|ever|trailer|timber|feather|fender)\w{2,}ers?|\w+ists?)\b"
)
"""Words for people of whom it is not said whether they are men, women, boys or girls."""
NEAR_WORDS = {
    "ball": re.compile(
        r"\b(?:soccer|tennis|game|goal|player|players|pitcher|golf|rugby|lacrosse|hockey|polo)\b"
    ),
    "cycle": re.compile(
        r"\b(?:bik\w+|cycl\w+|bicycl\w+|motocross|rid(?:es|ing|er|ers)|unicycle|scooter|wheelie|atv)\b"
    ),
    "board": re.compile(r"\b(?:skat\w+|surf\w*|snowboard\w*|wakeboard\w*|board|boarder)\b"),
    "water": re.compile(
        r"\b(?:water|ocean|sea|lake|river|beach|pond|swim\w*|surf\w*|shore|dock|stream|creek|splash\w*|pier)\b"
    ),
    "street": re.compile(
        r"\b(?:street|road|city|traffic|store|shop|urban|sidewalk|downtown|parking|vehicle|town|station|"
        r"window|windows|brick|wall|mall|market|restaurant)\b"
    ),
    "seat": re.compile(
        r"\b(?:sit|sits|sitting|seated|lap|restaurant|cafe|dinner|eating|picnic|room|kitchen|bedroom|laying|"
        r"lying|sleeping)\b"
    ),
    "wear": re.compile(
        r"\b(?:uniforms?|gear|dressed|bik\w+|cycl\w+|player|players|riders?|racers?|skiers?|baseball|football|"
        r"hockey|soldiers?|police|climb\w*|hik\w+|bride|gown|outfits?|clown)\b"
    ),
    "hold": re.compile(
        r"\b(?:photograph\w*|picture|music\w*|sing\w*|reads?|reading|drink\w*|smok\w+|parade|party|band|stage|"
        r"perform\w*)\b"
    ),
    "throw": re.compile(
        r"\b(?:fetch|object|something|catch\w*|mouth|leash|climb\w*|plays?|playing|disc|disk|frisbee|tug)\b"
    ),
    "play": re.compile(r"\b(?:playground|skat\w+|camp\w*|park|bmx|swing\w*|slid\w+|bounc\w+)\b"),
    "plant": re.compile(
        r"\b(?:park|woods?|wooded|forest|garden|grass\w*|field|leaves|yard|backyard|lawn|meadow|trail|path|"
        r"outdoors?|outside|hedge|plants?|log|jungle|hill)\b"
    ),
    "hill": re.compile(
        r"\b(?:hill\w*|climb\w*|hik\w+|rocky|stone|stones|peak|canyon|ledge|gate|yard|backyard|railing|ramp|"
        r"wall|stream|creek|beach|snow\w*)\b"
    ),
    "ground": re.compile(
        r"\b(?:ski\w*|sled\w*|ice|icy|winter|beach|field|park|yard|backyard|golf|soccer|meadow|grass\w*|"
        r"desert|dune\w*|shore|pool|surf\w*|swim\w*|boat|waves?|wet|splash\w*|wad\w+|stream|creek|dirt|garden)\b"
    ),
}
"""What captions say of a photo that may show things of a family though none is named."""

USUAL = {
    **dict.fromkeys(("man", "woman", "boy", "girl", "dog"), 14),
    **dict.fromkeys(("child", "ball", "water", "snow", "grass", "bike", "tree", "rock", "car", "hat"), 4),
    **dict.fromkeys(
        ("sand", "mountain", "pool", "building", "boat", "wave", "skateboard", "toy", "bench"), 2
    ),
}
"""About how much likelier photos of everyday life show these than others."""

COLOURS = {
    name: name
    for name in [
        "black",
        "white",
        "red",
        "brown",
        "blue",
        "yellow",
        "green",
        "pink",
        "orange",
        "purple",
        "tan",
    ]
} | {"gray": "gray", "grey": "gray"}
COLOURED = _table("""
animal: dog/dogs/puppy; horse/horses; bird/birds; cat/cats
wear: shirt/shirts/t-shirt,tee-shirt; jacket/jackets; coat/coats; dress/dresses; hat/hats; cap/caps
wear: helmet/helmets; sweater/sweaters; vest/vests; uniform/uniforms
wear: swimsuit/swimsuits/bathing suit,bikini; suit/suits; collar/collars; outfit/outfits; scarf/scarfs
wear: skirt/skirts; jersey/jerseys
thing: ball/balls; car/cars; bike/bikes/bicycle; frisbee/frisbees; toy/toys; flag/flags
thing: building/buildings; truck/trucks; surfboard/surfboards; kayak/kayaks; umbrella/umbrellas; bag/bags
thing: backpack/backpacks; motorcycle/motorcycles; balloon/balloons; couch/couches; slide/slides
thing: wall/walls; boat/boats; raft/rafts; flower/flowers
""")
NUMBERS = ("one", "two", "three", "four")
COUNTED = (*THINGS[:9], Thing("person", "people", PERSON))

HELD = {
    "holding": (
        ("holding", "holds", "carrying", "carries"),
        "What is the {} holding?",
        "What does the {} hold?",
    ),
    "riding": (("riding", "rides"), "What is the {} riding?", "What does the {} ride on?"),
    "wearing": (("wearing", "wears"), "What is the {} wearing?", "What does the {} have on?"),
    "playing": (
        ("playing", "plays"),
        "What is the {} playing?",
        "What game or instrument is the {} playing?",
    ),
    "chasing": (("chasing", "chases"), "What is the {} chasing?", "What does the {} run after?"),
    "catching": (("catching", "catches"), "What is the {} catching?", "What does the {} try to catch?"),
    "sitting on": (("sitting on", "sits on"), "What is the {} sitting on?", "What does the {} sit on?"),
    "climbing": (
        ("climbing", "climbs", "climbing up", "climbs up"),
        "What is the {} climbing?",
        "What does the {} climb?",
    ),
}
"""Verbs with an object, their forms, and two questions."""
OBJECTS = _listed("""
ball stick frisbee toy bike bicycle motorcycle skateboard surfboard horse wave hat helmet dress costume
backpack camera guitar book flag balloon umbrella cellphone microphone bottle bench chair couch rock cliff
tree wall ladder mountain rope soccer football basketball baseball tennis hockey volleyball rugby drums
cards scooter sled swing bull dog cat bird sheep rabbit cow car boat shirt jacket vest suit sunglasses
glasses mask scarf uniform apron kimono tie cigarette sign gun bat racket net stairs fence swimsuit wetsuit
unicycle fish baby cup bag flowers bucket hose pole paddle chess violin accordion saxophone piano bed ledge
railing log
""")
UNCOUNTED_OBJECTS = _listed("""
soccer football basketball baseball tennis hockey volleyball rugby drums cards chess sunglasses glasses
flowers
""")

PLACES = {
    "beach": ("on the beach", ("beach", "shore", "seashore")),
    "snow": ("in the snow", ("snow", "snowy", "snow-covered")),
    "pool": ("in the pool", ("pool", "swimming pool")),
    "ocean": ("in the ocean", ("ocean", "sea", "surf", "wave", "waves")),
    "lake": ("at the lake", ("lake", "pond")),
    "river": ("in the river", ("river", "stream", "creek", "rapids")),
    "street": ("on the street", ("street", "road", "sidewalk", "crosswalk")),
    "field": ("in a field", ("field", "meadow", "pasture")),
    "grass": ("on the grass", ("grass", "lawn", "grassy")),
    "park": ("in a park", ("park",)),
    "playground": ("on a playground", ("playground",)),
    "forest": ("in the forest", ("forest", "woods", "wooded")),
    "mountain": ("on a mountain", ("mountain", "mountains", "cliff", "mountainside")),
    "stage": ("on a stage", ("stage", "onstage", "concert")),
    "track": ("on a track", ("track", "racetrack", "race track")),
    "court": ("on a court", ("court", "gym")),
    "restaurant": ("in a restaurant", ("restaurant", "bar", "cafe", "diner")),
    "kitchen": ("in a kitchen", ("kitchen",)),
    "store": ("in a store", ("store", "shop", "market", "mall")),
    "yard": ("in a yard", ("yard", "backyard", "garden")),
    "couch": ("on a couch", ("couch", "sofa", "bed")),
    "desert": ("in the desert", ("desert", "dunes", "dune")),
}
"""Places: a phrase, and the words that name them."""

ACTIONS = {
    verb: words((verb, *forms.split(",")))
    for verb, forms in (
        entry.split("/")
        for entry in _listed("""
running/runs,run,races,racing,dashes,dashing jumping/jumps,leaps,leaping,leap,jump swimming/swims,swim
sitting/sits,sit,seated standing/stands,stand walking/walks,walk climbing/climbs,climb riding/rides,ride
sleeping/sleeps,asleep,napping eating/eats,eat drinking/drinks,drink dancing/dances,dance
swinging/swings,swing surfing/surfs,surfer,surf skateboarding/skateboards,skateboarder,skating
skiing/skis,skier,ski snowboarding/snowboards,snowboarder fishing/fishes reading/reads,read
singing/sings,sing smoking/smokes lying/lies,laying,lays kicking/kicks,kick throwing/throws,throw
sliding/slides digging/digs,dig fighting/fights,fight,wrestling,wrestle,wrestles hiking/hikes,hiker,hikers
talking/talks,talk,chatting smiling/smiles,smile playing/plays,play
""")
    )
}
"""What somebody does, and how captions say it."""
