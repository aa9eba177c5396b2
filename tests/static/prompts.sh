#!/bin/bash
# What calls say: for each sound that the courier plays a text in each language, and a file of the
# right form that was made of it.
. "$(dirname "$0")/tap.bash"

names() {
	sed -n '/names\[VOICE_SOUNDS\]/,/};/p' authd/courier/sip_sounds.c | grep -o '"[^"]*"' | tr -d '"' | sort
}

texts_are_the_sounds() {
	grep -v -e '^#' -e '^$' "authd/courier/prompts/$1.txt" | awk -F '\t' 'NF != 2 || $2 == "" { print "no text: " $0 } NF == 2 { print $1 }' |
	    sort | diff <(names) -
}

files_are_of_the_form() {
	local name got
	for name in $(names); do
		got="$(soxi -r "build/prompts/$1/$name.wav") $(soxi -c "build/prompts/$1/$name.wav") $(soxi -b "build/prompts/$1/$name.wav")"
		[ "$got" = "8000 1 16" ] || echo "$name.wav: $got"
		# A tenth of a second at least, and not silence.
		sox "build/prompts/$1/$name.wav" -n stat 2>&1 | awk -v n="$name" \
		    '/^Length/ && $3 < 0.1 { print n ": " $3 " s" } /^RMS +amplitude/ && $3 < 0.01 { print n ": silent" }'
	done
}

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# read_aloud LANGUAGE: the texts in $dir/LANGUAGE.txt, as those in the repository are read.
read_aloud() {
	cp authd/courier/prompts/make-prompts "$dir" && "$dir/make-prompts" "$1" "$dir/out"
}
# To the byte: nobody has put another sound in the place of one.
files_are_of_the_texts() {
	cp "authd/courier/prompts/$1.txt" "$dir" && read_aloud "$1" || return
	diff -r -x .made "build/prompts/$1" "$dir/out/$1"
}
another_text_sounds_differently() {
	local name
	name=$(names | head -n 1)
	printf '%s\t1 2 3 4\n' "$name" >"$dir/$1.txt"
	read_aloud "$1" || return
	[ -s "$dir/out/$1/$name.wav" ] || echo "$name.wav was not made"
	! cmp -s "$dir/out/$1/$name.wav" "build/prompts/$1/$name.wav"
}

check "the sounds are 20" test "$(names | wc -l)" = 20
for lang in en ja; do
	check "$lang: a text for each sound, and no other" texts_are_the_sounds $lang
	check "$lang: a file for each, of the form that a telephone takes" files_are_of_the_form $lang
	check "$lang: each file is what its text sounds like" files_are_of_the_texts $lang
	check "$lang: and another text sounds differently" another_text_sounds_differently $lang
done
plan
