"""What texts of params.yaml may look like, as patterns and in words for messages."""

DATA_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
SLICES = r"^[xyz](\[(-?[0-9]+)?:(-?[0-9]+)?(:[1-9][0-9]*)?\])?$"  # of one axis, as in Python
DOTTED_KEY = r"^[a-z_]+(\.[a-z0-9_]+)+$"
SOURCE_NAME = r"^[a-z][a-z0-9_]{0,31}$"
WEB_ADDRESS = r"^https?://[!-?A-~]+$"  # without a login

WORDS = {
    DATA_NAME: "only the letters A-Z and a-z, digits and . _ - are allowed, and a letter or digit "
    "first",
    SLICES: "must be an axis (x, y or z), or one with first, last and step as Python counts, such "
    "as z or z[10:-10:2]",
    DOTTED_KEY: "must be a section and a key of params.yaml with a dot between them, such as "
    "train.beta1",
    SOURCE_NAME: "only the small letters a-z, digits and _ are allowed, at most 32, and a letter "
    "first",
    WEB_ADDRESS: "must be an address that begins with http:// or https://, without a login (@), "
    "blanks and accented letters",
}
