"""Made-up courses and batches of Sunbird."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generate_exports import digits, moments, nullified, taken, text
from sunbird_made import DAY, DAYS, FIRST_DAY, NEW_COLUMN, OLD_COLUMN, Made, offsets_of
from sunbird_people import STATES

# Contents that a course had once; maps still name them.
REMOVED_CONTENTS = 3


class Courses(Made):
    """Courses by their number, their contents, and the contents that they had once."""

    def __init__(self, options):
        super().__init__(options)
        self.count, self.contents = options.courses, options.contents
        self.ids = text("do_31", digits(10_000_000_000_000 + np.arange(self.count) * 104_729, 21))
        self.known_contents = self.contents + REMOVED_CONTENTS
        contents = np.arange(self.count * self.known_contents)
        self.content_ids = text("do_31", digits(20_000_000_000_000 + contents * 7919, 21))

    def hierarchies(self):
        """JSON texts of most courses, some drafts of them, and a textbook."""
        courses = np.arange(self.count)
        known = courses[~self.chance("no hierarchy", courses, 0.02)]
        drafts = known[self.chance("draft", known, 0.2)]
        rows = [(self.ids[course].as_py(), self.hierarchy(course, self.contents)) for course in known]
        rows += [(f"{self.ids[course]}.img", self.hierarchy(course, self.contents // 2)) for course in drafts]
        rows.append(("do_3100000000000000000000001", json.dumps({"identifier": "textbook", "leafNodesCount": 0})))
        yield pa.table({"identifier": [row[0] for row in rows], "hierarchy": [row[1] for row in rows]})

    def hierarchy(self, course, contents):
        """Units of ten contents; they have counts of their own, and the course's count is the last key."""
        leaves = [self.leaf(course, content) for content in range(contents)]
        units = [
            {"identifier": f"unit-{start}", "leafNodesCount": len(leaves[start : start + 10]),
             "children": leaves[start : start + 10]}
            for start in range(0, contents, 10)
        ]
        course = {"identifier": self.ids[course].as_py(), "children": units, "leafNodesCount": contents}
        return json.dumps(course, ensure_ascii=False)

    def leaf(self, course, content):
        identifier = self.content_ids[course * self.known_contents + content].as_py()
        return {
            "identifier": identifier, "name": f'Content {content}, "पाठ"', "mimeType": "application/pdf",
            "description": "What this content is about, and for whom it was made.", "index": content, "depth": 2,
            "artifactUrl": f"https://example.org/content/{identifier}/artifact/{identifier}.pdf", "status": "Live",
        }

    def lists(self):
        """What Spark keeps instead, for a tenth of the courses: all contents, and of most those that are optional."""
        courses = np.arange(self.count)
        moved = courses[self.chance("moved", courses, 0.1)]
        keys, ids = [], []
        for course in moved:
            first = course * self.known_contents
            keys.append(f"{self.ids[course]}:{self.ids[course]}:leafnodes")
            ids.append(self.content_ids[first : first + self.contents].to_pylist())
            if self.chance("optional contents", course, 0.7):
                keys.append(f"{self.ids[course]}:{self.ids[course]}:optionalnodes")
                ids.append(self.content_ids[first : first + self.contents // 7].to_pylist())
        columns = {"relationship_key": pa.array(keys, pa.string()), "node_ids": pa.array(ids, pa.list_(pa.string()))}
        yield pa.table(columns)


class Batches(Made):
    """Batches by their number, with their courses and shares of the enrolments. The table lacks the last one."""

    def __init__(self, options, organisations):
        super().__init__(options)
        self.count, self.organisations = options.batches, organisations
        numbers = np.arange(self.count)
        self.ids = text("01", digits(300_000_000_000_000 + numbers * 7919, 16))
        self.course = self.below("course", numbers, options.courses)
        shares = (np.argsort(self.draws("rank").bits(numbers)) + 1.0) ** -0.7
        self.cumulated = np.cumsum(shares / shares.sum())

    def drawn(self, unit):
        """The batches that numbers in [0, 1) fall on, by their shares."""
        return np.minimum(np.searchsorted(self.cumulated, unit, side="right"), self.count - 1)

    def chunks(self, course_ids):
        numbers = np.arange(self.count)
        starts = FIRST_DAY + self.below("start", numbers, DAYS * DAY)
        is_old, is_new = starts < OLD_COLUMN, starts >= NEW_COLUMN
        ends, has_end = starts + 90 * DAY, ~self.chance("no end", numbers, 0.2)
        names = text("Batch ", numbers, self.one_of([" (मई)", ", evening", ""], "name", numbers))
        rows = pa.table({
            "batchid": self.ids,
            "courseid": taken(course_ids, self.course),
            "name": names,
            "createdby": self.uuids("creator", numbers),
            "createdfor": self.owners(numbers),
            "mentors": self.mentors(numbers),
            "startdate": nullified(days(starts), ~is_old),
            "enddate": nullified(days(ends), ~(is_old & has_end)),
            "start_date": nullified(moments(starts), ~is_new),
            "end_date": nullified(moments(ends), ~(is_new & has_end)),
            "status": pa.array(np.ones(self.count, np.int32)),
        })
        yield rows.slice(0, self.count - 1)

    def owners(self, numbers):
        """A state, or a school of a state, or a school before a state of another, or nobody."""
        organisations = self.organisations
        states = self.below("state", numbers, STATES)
        schools = organisations.schools_of(states, self.draws("school").unit(numbers))
        other = 1 + (states + 1) % STATES
        forms = self.below("owners", numbers, 10)
        owners = [
            [1 + state] if form < 6 else [school] if form < 8 else [school, another] if form < 9 else []
            for form, state, school, another in zip(forms, states, schools, other)
        ]
        numbers = np.array([owner for row in owners for owner in row], np.int64)
        return pa.ListArray.from_arrays(offsets_of([len(row) for row in owners]), organisations.ids_of(numbers))

    def mentors(self, numbers):
        counts = self.below("mentors", numbers, 3)
        mentors = self.uuids("mentor", np.arange(counts.sum()))
        return pa.ListArray.from_arrays(offsets_of(counts), mentors, mask=pa.array(counts == 2))


def days(milliseconds):
    """The days of moments as text, as forms of the portal sent them."""
    return pc.strftime(moments(milliseconds), "%Y-%m-%d").cast(pa.string())
