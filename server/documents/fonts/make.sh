#!/bin/sh
# Makes the form fonts from Debian's fonts-noto-cjk, and the tables of core/src/forms that follow from them.
# Needs: apt-get install fonts-noto-cjk fonts-noto-cjk-extra libharfbuzz-bin unicode-data zstd (Debian 12; hb-subset 6.0.0).
set -eu
cd "$(dirname "$0")"
noto=${NOTO:-/usr/share/fonts/opentype/noto}
unihan=${UNIHAN:-/usr/share/unicode/Unihan_OtherMappings.txt.bz2}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Face 2 of the collections is Simplified Chinese. Regular holds every character of TGH, GB 2312, GBK, Extension A and
# what the collection has of plane 2; Bold, for headings only, the 8,105 characters of the 通用规范汉字表.
hb-subset --unicodes=20-7E,A0-2FF,370-3FF,400-4FF,2000-2BFF,2E80-33FF,3400-9FFF,F900-FAFF,FE10-FE4F,FF00-FFEF,20000-3FFFF \
  --face-index=2 --layout-features-=locl -o NotoSansCJKsc-Regular.otf --font-file="$noto/NotoSansCJK-Regular.ttc"

{
  printf 'U+%04X-%04X\n' 32 126 160 767 8192 8351 8448 8591 8712 8831 9312 9471 12288 12351 65280 65519
  bzcat "$unihan" | awk -F'\t' '$2 == "kTGH" { print $1 }'
} > "$work/bold.txt"
hb-subset --unicodes-file="$work/bold.txt" --face-index=2 --layout-features-=locl \
  -o NotoSansCJKsc-Bold.otf --font-file="$noto/NotoSansCJK-Bold.ttc"
zstd -19 --rm --force NotoSansCJKsc-Regular.otf NotoSansCJKsc-Bold.otf

# Code points that old systems put into the private use area before Unicode had the character (GBK's FE50–FEA0 and the
# vertical marks), with what GB 18030 says today: one "PUA<TAB>character" a line, hexadecimal.
python3 - > ../../../core/src/forms/private_use.tsv <<'PY'
import subprocess

def now(code):
    out = subprocess.run(["iconv", "-f", "GB18030", "-t", "UTF-32BE"], input=code, capture_output=True, check=True)
    return int.from_bytes(out.stdout, "big")

codes = [(0xE78D + i, bytes([0xA6, 0xD9 + i])) for i in range(7)]
codes += [(0xE794 + i, bytes([0xA6, 0xEC + i])) for i in range(2)]
codes += [(0xE796, bytes([0xA6, 0xF3]))]
codes += [(0xE7C7, b"\xA8\xBC"), (0xE7C8, b"\xA8\xBF")]
codes += [(0xE7E7 + i, bytes([0xA9, 0x89 + i])) for i in range(13)]
trail = [b for b in range(0x50, 0xA1) if b != 0x7F]
codes += [(0xE815 + i, bytes([0xFE, b])) for i, b in enumerate(trail)]
for private, code in codes:
    character = now(code)
    if not 0xE000 <= character <= 0xF8FF:
        print(f"{private:X}\t{character:X}")
PY

cd ../../..
cargo run --quiet --example glyph_coverage
