#!/usr/bin/env python3
"""Writes SaslPrepTables.txt, which SaslPrep.cs reads: SaslPrepTables.py > SaslPrepTables.txt

Python's standard library knows the tables of RFC 3454 (stringprep) and today's normalisation (unicodedata). Only characters of
Unicode 3.2 matter: SASLprep refuses a string with any other, for ever, so that a newer Unicode changes nothing here. Hangul
syllables are composed by arithmetic and have no lines.
"""
import sys
import stringprep
import unicodedata

HANGUL = range(0xAC00, 0xD7A4)


def ranges(codes):
    found = []
    for code in codes:
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return " ".join(f"{first:X}" if first == last else f"{first:X}-{last:X}" for first, last in found)


def members(*tables):
    return [code for code in range(sys.maxunicode + 1) if any(table(chr(code)) for table in tables)]


def is_a_pair_of(char):
    """The two characters from which composition makes this one; None when it never does."""
    canonical = unicodedata.normalize("NFD", char)
    if canonical == char or unicodedata.normalize("NFC", char) != char or unicodedata.normalize("NFKD", char) != canonical:
        return None
    return unicodedata.normalize("NFC", canonical[:-1]) + canonical[-1]


def lines(word, mapping):
    """One line for each run of characters without a gap: the first one, then what each becomes; A-Z stands for A, B, C … in turn."""
    runs = []
    for code, text in sorted(mapping.items()):
        if not runs or runs[-1][1] != code:
            runs.append([code, code, []])
        run = runs[-1]
        run[1] = code + 1
        last = run[2][-1] if run[2] else None
        if last and len(text) == 1 and last[1] and ord(text) == last[1] + 1:
            last[1] += 1
        else:
            run[2].append([text, ord(text) if len(text) == 1 else None])
    for first, _, texts in runs:
        print(word, f"{first:X}", *(
            f"{ord(text):X}-{last:X}" if last and last != ord(text) else "+".join(f"{ord(char):X}" for char in text) for text, last in texts))


print(f"# Written by SaslPrepTables.py from RFC 3454 and Unicode {unicodedata.unidata_version}; see SaslPrep.cs.")
print("space", ranges(members(stringprep.in_table_c12)))
print("nothing", ranges(code for code in members(stringprep.in_table_b1) if not stringprep.in_table_c12(chr(code))))
print("refused", ranges(members(
    stringprep.in_table_a1, stringprep.in_table_c12, stringprep.in_table_c21_c22, stringprep.in_table_c3, stringprep.in_table_c4,
    stringprep.in_table_c5, stringprep.in_table_c6, stringprep.in_table_c7, stringprep.in_table_c8, stringprep.in_table_c9)))
print("right-to-left", ranges(members(stringprep.in_table_d1)))
print("left-to-right", ranges(members(stringprep.in_table_d2)))

known = [chr(code) for code in range(sys.maxunicode + 1) if not stringprep.in_table_a1(chr(code)) and not 0xD800 <= code < 0xE000]
for order in sorted({unicodedata.combining(char) for char in known} - {0}):
    print(f"order {order}", ranges(ord(char) for char in known if unicodedata.combining(char) == order))

pairs = {ord(char): pair for char in known if ord(char) not in HANGUL and (pair := is_a_pair_of(char))}
lines("pair", pairs)
lines("become", {
    ord(char): full for char in known
    if ord(char) not in HANGUL and ord(char) not in pairs and (full := unicodedata.normalize("NFKD", char)) != char})
