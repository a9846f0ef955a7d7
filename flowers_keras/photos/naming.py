"""Names of classes: which are equal, and which may be meant to be."""

import re
import unicodedata

from flowers_keras.photos import folders

# Marks of direction, of where a word may break and of the order of bytes; not the joiners in an emoji.
_UNSEEN = re.compile("[\xad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")

# Where CVAT, FiftyOne and people put the photos that nobody has labelled yet.
_NO_CLASS = re.compile(r"(no|not|un)(label(l?ed)?|class(ified)?|annotat(ed|ion)|sorted|tagged)")


def class_name(name):
    """A folder's name as the name of a class.

    Names that look the same become equal: in Unicode form NFC (macOS may use another), without surrounding
    spaces and invisible marks. Bytes that are not UTF-8 become `\\xff`.

    Example:
      >>> class_name("pa\\u0302querette") == "p\\u00e2querette"
      True
    """
    text = unicodedata.normalize("NFC", folders.as_text(name))
    return _UNSEEN.sub("", text.replace("\xa0", " ")).strip() or text


def note_alike(names):
    """Prints a note of classes whose names differ in nothing but capitals or spaces.

    Example:
      >>> note_alike(["Red Rose", "red_rose", "daisy"])
      note: the classes Red Rose and red_rose differ little; if they are one, rename one of them
    """
    seen = {}
    for name in names:
        other = seen.setdefault(re.sub(r"[\s_-]", "", name).casefold(), name)
        if other != name:
            print(f"note: the classes {other} and {name} differ little; if they are one, rename one of them")


def note_unlabelled(names):
    """Prints a note of classes whose names say that their photos have none.

    Example:
      >>> note_unlabelled(["_unlabeled", "roses"])
      note: _unlabeled is learnt as a class; if its photos belong to none, move them away
    """
    for name in names:
        if _NO_CLASS.fullmatch(re.sub(r"[\W_]", "", name).casefold()):
            print(f"note: {name} is learnt as a class; if its photos belong to none, move them away")
