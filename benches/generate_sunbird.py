#!/usr/bin/env python3
"""A made-up dump of Sunbird's raw tables as releases 5 to 8.1 have them, in chunks: half a GB of memory at any size.

usage: generate_sunbird.py OUT [--users N] [--enrolments N] [--batches N] [--courses N] [--contents N] [--seed N]

The same options give the same rows. Nobody is enrolled in a batch twice but by copies, so there are slightly fewer
enrolments than asked for. OUT/about.json says what was made.
Rows are as bad as those of a site that came through all releases since 3.2: enrolments and batches dated in the old
column, the new one or both; enrolments without `active`; completed courses that have grown since; progress without
contents; copies of rows, some older than the original; deleted users, with and without names; memberships that ended;
profiles without places; ids by channel; courses without a hierarchy, and some already with Spark's lists of contents.
"""

import argparse
import json
from pathlib import Path

from generate_exports import write_table
from sunbird_courses import Batches, Courses
from sunbird_enrolments import Enrolments
from sunbird_people import Organisations, Places, Users


def main():
    options = parse_arguments()
    options.out.mkdir(parents=True)
    about = Dump(options).write()
    Path(options.out, "about.json").write_text(json.dumps(about, indent=2) + "\n")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write; must not exist")
    parser.add_argument("--users", type=int, default=300_000, metavar="N", help="default: %(default)s")
    parser.add_argument("--enrolments", type=int, default=3_000_000, metavar="N", help="default: %(default)s")
    parser.add_argument("--batches", type=int, default=3_000, metavar="N", help="default: %(default)s")
    parser.add_argument("--courses", type=int, default=300, metavar="N", help="default: %(default)s")
    parser.add_argument("--contents", type=int, default=100, metavar="N", help="of each course; default: %(default)s")
    parser.add_argument("--seed", type=int, default=7, metavar="N")
    return parser.parse_args()


class Dump:
    """All tables."""

    def __init__(self, options):
        self.out, self.options = options.out, options
        self.places = Places(options)
        self.organisations = Organisations(options, self.places)
        self.users = Users(options, self.places, self.organisations)
        self.courses = Courses(options)
        self.batches = Batches(options, self.organisations)
        self.enrolments = Enrolments(options, self.users, self.courses, self.batches)

    def write(self):
        """Writes them and says how many rows the largest ones have."""
        tables = {
            "location": self.places.chunks(),
            "organisation": self.organisations.chunks(),
            "system_settings": self.organisations.settings(),
            "user": self.users.chunks(),
            "user_organisation": self.users.memberships(),
            "usr_external_identity": self.users.given_ids(),
            "user_declarations": self.users.declarations(),
            "content_hierarchy": self.courses.hierarchies(),
            "hierarchy_relations": self.courses.lists(),
            "course_batch": self.batches.chunks(self.courses.ids),
            "user_enrolments": self.enrolments.chunks(),
        }
        rows = {table: write_table(self.out, table, chunks) for table, chunks in tables.items()}
        return {
            "users": rows["user"],
            "enrolments": rows["user_enrolments"],
            "batches": self.batches.count,
            "courses": self.courses.count,
            "contents": self.courses.contents,
            "content_states": self.enrolments.content_states,
        }


if __name__ == "__main__":
    main()
