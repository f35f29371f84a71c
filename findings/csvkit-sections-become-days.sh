#!/usr/bin/env bash
# csvkit guesses durations: where all sections of a school's list are called D, 10D and 9D become ten and nine days, and a lesson that
# starts at 10:30 starts at 0:10:30, as minutes and seconds. It is so in csvsort and csvjson, and in in2csv, which only
# copies; with --no-inference nothing changes.
#
# Versions: csvkit 2.2.0, agate 1.14.2 (PyPI)
# Seen:
#   section,starts,pupils
#   "9 days, 0:00:00",0:09:45,31
#   "10 days, 0:00:00",0:10:30,28
#   and with --no-inference:
#   section,starts,pupils
#   10D,10:30,28
#   9D,09:45,31
# For whom: lists of classes and timetables of a school, sorted or joined on the command line before they are loaded.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet csvkit==2.2.0 agate==1.14.2
cd "$work"
printf 'section,starts,pupils\n10D,10:30,28\n9D,09:45,31\n' >classes.csv
guessed=$("$work/venv/bin/csvsort" --columns section classes.csv)
kept=$("$work/venv/bin/csvsort" --no-inference --columns section classes.csv)
printf '%s\nand with --no-inference:\n%s\n' "$guessed" "$kept"
[ "$guessed" = $'section,starts,pupils\n"9 days, 0:00:00",0:09:45,31\n"10 days, 0:00:00",0:10:30,28' ] &&
  [ "$kept" = $'section,starts,pupils\n10D,10:30,28\n9D,09:45,31' ] || { echo "the behaviour has changed"; exit 1; }
