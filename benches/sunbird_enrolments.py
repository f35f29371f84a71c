"""Made-up enrolments of Sunbird, with what somebody has done of each content."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generate_exports import chunks_of, moments, nullified, taken, text
from sunbird_made import DAY, DAYS, FIRST_DAY, NEW_COLUMN, OLD_COLUMN, Made, offsets_of

# Of enrolments, each of which has a map of up to as many entries as its course has contents.
CHUNK_ROWS = 50_000


class Enrolments(Made):
    """Enrolments by their key, user number × batches + batch number: a user's rows lie together, as in Cassandra."""

    def __init__(self, options, users, courses, batches):
        super().__init__(options)
        self.users, self.courses, self.batches = users, courses, batches
        self.keys = self.distinct_keys(options.enrolments)
        self.content_states = 0

    def distinct_keys(self, count):
        """One enrolment in 1,000 is of a user that is not in the dump."""
        keys = np.empty(count, np.int64)
        for rows in chunks_of(count):
            users = self.below("user", rows, self.users.count * 1.001)
            batches = self.batches.drawn(self.draws("batch").unit(rows))
            keys[rows[0] : rows[-1] + 1] = users * self.batches.count + batches
        keys.sort()
        return keys[np.concatenate(([True], keys[1:] != keys[:-1]))] if count else keys

    def chunks(self):
        """The rows; then copies of one in 200, by a task that ran again: every other one is older."""
        for keys in parts_of(self.keys):
            yield self.rows(keys, np.zeros(len(keys), bool))
        for keys in parts_of(self.keys[self.chance("copied", self.keys, 0.005)]):
            yield self.rows(keys, self.chance("older copy", keys, 0.5))

    def rows(self, keys, is_older):
        users, batches = keys // self.batches.count, keys % self.batches.count
        courses = self.batches.course[batches]
        kind = Kinds(self, keys, is_older)
        states, done = self.content_status(keys, courses, kind)
        # An older copy may be of an enrolment that was given up and made again.
        was_away = is_older & self.chance("enrolled again", keys, 0.3)
        enrolled = FIRST_DAY + self.below("enrolled", keys, DAYS * DAY)
        completed = enrolled + self.below("duration", keys, 60 * DAY - 3_600_000) + 3_600_000
        active = pa.array(self.chance("active", keys, 0.97) & ~was_away)
        counted = np.where(kind.has_no_map, kind.contents_seen, done).astype(np.int32)
        return pa.table({
            "userid": self.users.ids(users),
            "courseid": taken(self.courses.ids, courses),
            "batchid": taken(self.batches.ids, batches),
            "active": self.sometimes(active, "no enrolment", keys, 0.015),
            "completedon": nullified(moments(completed), ~kind.is_completed),
            "completionpercentage": nullified(pa.array(kind.written_percent), ~kind.is_written),
            "contentstatus": states,
            "datetime": moments(completed),
            **self.enrolment_times(keys, enrolled - was_away * DAY),
            "progress": nullified(pa.array(counted), kind.is_untouched & self.chance("no progress", keys, 0.3)),
            "status": pa.array(np.select([kind.is_completed, counted > 0], [2, 1], 0).astype(np.int32)),
        })

    def enrolment_times(self, keys, enrolled):
        """The text of the releases before 3.9 and the timestamp since, both for a while; one in 200 is not known."""
        missing = self.chance("no time", keys, 0.005)
        texts = text(pc.replace_substring(pc.strftime(moments(enrolled), "%Y-%m-%d %H:%M:%S"), ".", ":"), "+0000")
        texts = pc.if_else(pa.array(missing), "", texts)
        return {
            "enrolleddate": nullified(texts, enrolled >= OLD_COLUMN),
            "enrolled_date": nullified(moments(enrolled), (enrolled < NEW_COLUMN) | missing),
        }

    def content_status(self, keys, courses, kind):
        """The maps, content by content: 2 is done and 1 begun; and how many are done in each row."""
        contents = np.arange(self.courses.known_contents)
        draws = self.draws("content").unit(keys[:, None] * len(contents) + contents)
        shares = kind.share_of_contents[:, None] * np.where(contents < self.courses.contents, 1.0, 0.02)
        shares[kind.is_everything] = 1
        is_there, is_done = draws < shares, draws < np.where(shares < 1, 0.9 * shares, 1)
        is_there[kind.has_no_map] = False
        entries = np.flatnonzero(is_there)
        self.content_states += len(entries)
        ids = courses[entries // len(contents)] * len(contents) + entries % len(contents)
        states = pa.MapArray.from_arrays(
            offsets_of(is_there.sum(axis=1)),
            taken(self.courses.content_ids, ids),
            pa.array(1 + is_done.reshape(-1)[entries].astype(np.int32)),
            mask=pa.array(kind.has_no_map),
        )
        return states, (is_there & is_done).sum(axis=1)


class Kinds:
    """What somebody has done of a course: all of it (35 %), nothing (20 %), or a share that is more often small."""

    def __init__(self, enrolments, keys, is_older):
        chance, unit = enrolments.chance, enrolments.draws("kind").unit(keys)
        self.is_completed = (unit < 0.35) & ~is_older
        self.is_untouched = (unit >= 0.35) & (unit < 0.55)
        is_partly = unit >= 0.55
        # A map may name more contents than the course has now.
        self.is_everything = is_partly & chance("everything", keys, 0.01)
        # A completed course has grown since, for one in twenty.
        shares = enrolments.draws("share").unit(keys) ** 2
        has_grown = chance("has grown", keys, 0.05)
        self.share_of_contents = np.select(
            [self.is_untouched, is_partly | is_older, has_grown], [0, shares, 0.8], 1.0
        )
        # Rows of earlier releases have only a percent, or only a number of contents.
        is_bare = (is_partly & chance("bare", keys, 0.02)) | (self.is_completed & chance("bare", keys, 0.03))
        self.has_no_map = is_bare | (self.is_untouched & chance("no map", keys, 0.5))
        contents_seen = 1 + enrolments.below("contents seen", keys, enrolments.courses.contents)
        self.contents_seen = np.where(is_bare, contents_seen, 0)
        self.written_percent = enrolments.below("percent", keys, 101).astype(np.int32)
        self.is_written = ~self.is_untouched & chance("percent was written", keys, np.where(is_bare, 0.5, 0.02))


def parts_of(values):
    return (values[start : start + CHUNK_ROWS] for start in range(0, len(values), CHUNK_ROWS))
