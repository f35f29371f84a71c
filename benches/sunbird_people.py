"""Made-up places, organisations and users of Sunbird, with all that hangs on users."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generate_exports import chunks_of, digits, moments, nullified, taken, text
from sunbird_made import DAY, DAYS, FIRST_DAY, Made, offsets_of, repeated

STATES = 35
DISTRICTS_A_STATE = 20
BLOCKS_A_DISTRICT = 10
USERS_A_SCHOOL = 10

FIRST_NAMES = [
    "Asha", "Ravi", "Lakshmi", "Suresh", "अनीता", "राजेश", "లక్ష్మి", "வேலு",
    "Fatima", "Gurpreet", "Zubin", "O'Neil", "=cmd", "José", "Meena, K", '"Babu"', " Sunita ", "Ma\nry", "", None,
]
LAST_NAMES = [
    "Kumar", "Devi", "Reddy", "शर्मा", "రావు", "Khan", "Singh", "Das", "Naidu", "", "Iyer", "Patel", " ", None,
]
DISTRICT_NAMES = ["District ", "ज़िला ", "District, North ", 'District "East" ']
SCHOOL_NAMES = ["GOVT HIGH SCHOOL NO ", "राजकीय विद्यालय ", "ST. MARY'S, WARD ", "Zilla\nParishad School "]
DECLARED_SCHOOLS = ["GHS वार्ड 4", "St. Mary's, Ward 7", " ", "ZPHS"]


class Places(Made):
    """States, then districts, then blocks: a place's number tells the place that it lies in."""

    def __init__(self, options):
        super().__init__(options)
        self.districts = STATES * DISTRICTS_A_STATE
        self.blocks = self.districts * BLOCKS_A_DISTRICT
        self.state_ids, self.district_ids, self.block_ids = (
            self.uuids(kind, np.arange(count))
            for kind, count in [("state", STATES), ("district", self.districts), ("block", self.blocks)]
        )

    def chunks(self):
        districts, blocks = np.arange(self.districts), np.arange(self.blocks)
        yield self.level("state", self.state_ids, text("State ", np.arange(STATES)), pa.nulls(STATES, pa.string()))
        names = text(self.one_of(DISTRICT_NAMES, "district names", districts), digits(districts, 3))
        yield self.level("district", self.district_ids, names, taken(self.state_ids, districts // DISTRICTS_A_STATE))
        names = self.sometimes(text("Block ", digits(blocks, 4)), "block without a name", blocks, 0.01)
        yield self.level("block", self.block_ids, names, taken(self.district_ids, blocks // BLOCKS_A_DISTRICT))

    def level(self, kind, ids, names, parents):
        numbers = np.arange(len(ids))
        return pa.table({
            "id": ids, "code": text(kind, "-", numbers), "name": names, "parentid": parents,
            "type": repeated(kind, len(ids)),
        })

    def somewhere_in(self, states, draws):
        """A district and a block of it for each row of a state, by numbers in [0, 1)."""
        within = (draws * DISTRICTS_A_STATE * BLOCKS_A_DISTRICT).astype(np.int64)
        blocks = states * DISTRICTS_A_STATE * BLOCKS_A_DISTRICT + within
        return blocks // BLOCKS_A_DISTRICT, blocks

    def lists_of_ids(self, states, draws, missing):
        """The older columns: a list of a state, a district and a block, NULL where `missing`."""
        districts, blocks = self.somewhere_in(states, draws)
        levels = [taken(self.state_ids, states), taken(self.district_ids, districts), taken(self.block_ids, blocks)]
        # Row by row instead of level by level.
        order = np.arange(3 * len(states)).reshape(3, -1).T.reshape(-1)
        ids = pa.concat_arrays(levels).take(pa.array(order))
        offsets = pa.array(np.arange(len(states) + 1, dtype=np.int32) * 3)
        return pa.ListArray.from_arrays(offsets, ids, mask=pa.array(missing))


class Organisations(Made):
    """The root organisation of who signed up by themselves, the states', their boards and offices, and schools.

    A number is one of these in that order; state s has the schools s, s + STATES, ….
    """

    def __init__(self, options, places):
        super().__init__(options)
        self.places = places
        self.schools_a_state = max(2, options.users // USERS_A_SCHOOL // STATES)
        self.boards, self.offices, self.schools = 1 + STATES, 1 + 2 * STATES, 1 + 3 * STATES
        self.count = self.schools + self.schools_a_state * STATES
        self.ids = text("0126", digits(100_000_000 + np.arange(self.count) * 7919, 15))

    def ids_of(self, numbers):
        return taken(self.ids, numbers)

    def of_state(self, first, states, which=0):
        """The boards, offices or schools that begin at number `first`, of states by number."""
        return first + states + STATES * which

    def schools_of(self, states, draws):
        """A school of each state, by numbers in [0, 1)."""
        return self.of_state(self.schools, states, (draws * self.schools_a_state).astype(np.int64))

    def channels(self, states):
        return text("channel-", digits(states, 2))

    def settings(self):
        yield pa.table({
            "id": ["courseFrameworkId", "custodianOrgId"],
            "field": ["courseFrameworkId", "custodianOrgId"],
            "value": ["tpd", self.ids[0].as_py()],
        })

    def chunks(self):
        numbers = np.arange(self.count)
        states = (numbers - 1) % STATES
        is_tenant, is_school = numbers < self.boards, numbers >= self.schools
        channels = nullified(self.channels(states), numbers == 0).fill_null("custodian")
        shouted = self.chance("channel in capitals", numbers, 0.05) & ~is_tenant
        is_older = self.chance("root of its own", numbers, 0.2) & ~is_tenant
        types = np.select([is_school, (numbers >= self.boards) & (numbers < self.offices)], [2, 5], 0).astype(np.int32)
        yield pa.table({
            "id": self.ids,
            "orgname": self.names(numbers, states),
            "channel": pc.if_else(pa.array(shouted), pc.utf8_upper(channels), channels),
            "externalid": text(numbers),
            "rootorgid": pc.if_else(pa.array(is_older), self.ids_of(1 + states), self.ids),
            "istenant": nullified(pa.array(is_tenant), is_school & self.chance("no flag", numbers, 0.3)),
            "organisationtype": nullified(pa.array(types), types == 0),
            "locationids": self.places.lists_of_ids(
                np.maximum(states, 0), self.draws("places").unit(numbers), self.chance("no places", numbers, 0.3)
            ),
            "status": pa.array(np.ones(self.count, np.int32)),
        })

    def names(self, numbers, states):
        ends = [1, self.boards, self.offices, self.schools]
        kinds = np.searchsorted(ends, numbers, "right")
        schools = text(self.one_of(SCHOOL_NAMES, "school names", numbers), numbers)
        return pc.choose(
            pa.array(kinds),
            repeated("Self-signed users", len(numbers)),
            text("Department of School Education, State ", states),
            text("Board of State ", states),
            text("Office of State ", states),
            self.sometimes(schools, "school without a name", numbers, 0.01),
        )


class Users(Made):
    """Users by their number. `signed_up` are those of the custodian organisation, the others are a state's."""

    def __init__(self, options, places, organisations):
        super().__init__(options)
        self.count = options.users
        self.places, self.organisations = places, organisations

    def ids(self, users):
        return self.uuids("id", users)

    def signed_up(self, users):
        return self.chance("signed up", users, 0.4)

    def states(self, users):
        return self.below("state", users, STATES)

    def chunks(self):
        for users in chunks_of(self.count):
            signed_up, states = self.signed_up(users), self.states(users)
            is_deleted = self.chance("deleted", users, 0.03)
            # Deletion empties the names; older releases left them.
            is_emptied = is_deleted & self.chance("emptied", users, 0.5)
            channels = nullified(self.organisations.channels(states), signed_up).fill_null("custodian")
            status = pa.array(np.where(is_deleted, 2, 1).astype(np.int32))
            ids = self.ids(users)
            yield pa.table({
                "id": ids,
                "userid": ids,
                "firstname": nullified(self.one_of(FIRST_NAMES, "first name", users), is_emptied),
                "lastname": nullified(self.one_of(LAST_NAMES, "last name", users), is_emptied),
                "email": self.sometimes(self.uuids("encrypted mail", users), "mail", users, 0.3),
                "phone": self.sometimes(self.uuids("encrypted phone", users), "phone", users, 0.3),
                "maskedemail": self.sometimes(text("te******", users % 9973, "@example.org"), "mail", users, 0.3),
                "maskedphone": self.sometimes(text("******", digits(users % 10_000, 4)), "phone", users, 0.3),
                "channel": channels,
                "rootorgid": self.organisations.ids_of(np.where(signed_up, 0, 1 + states)),
                "locationids": self.places.lists_of_ids(
                    states, self.draws("older places").unit(users), self.chance("no older places", users, 0.7)
                ),
                "profilelocation": self.profile_places(users, states),
                "status": nullified(status, self.chance("no status", users, 0.01) & ~is_deleted),
                "isdeleted": pa.array(is_deleted),
            })

    def profile_places(self, users, states):
        """JSON texts: mostly state, district and block; some in another order, with other places, empty or missing."""
        districts, blocks = self.places.somewhere_in(states, self.draws("place").unit(users))
        others, _ = self.places.somewhere_in(states, self.draws("another place").unit(users))
        state, district, other, block, cluster, school = (
            text('{"id":"', ids, f'","type":"{kind}"}}')
            for ids, kind in [
                (taken(self.places.state_ids, states), "state"),
                (taken(self.places.district_ids, districts), "district"),
                (taken(self.places.district_ids, others), "district"),
                (taken(self.places.block_ids, blocks), "block"),
                (self.uuids("cluster", users), "cluster"),
                (text("2917", digits(users % 9973, 7)), "school"),
            ]
        )
        nowhere = text('{"id":"', self.uuids("unknown place", users), '","type":"block"}')
        forms = [
            text("[", state, ",", district, ",", block, "]"),
            text("[", block, ",", district, ",", state, "]"),
            text("[", state, ",", district, ",", other, ",", block, ",", cluster, ",", school, "]"),
            text("[", state, ",", district, "]"),
            text("[", state, ",", district, ",", nowhere, "]"),
            repeated("[]", len(users)),
            pa.nulls(len(users), pa.string()),
        ]
        shares = np.cumsum([0.5, 0.1, 0.15, 0.06, 0.01, 0.03])
        return pc.choose(pa.array(np.searchsorted(shares, self.draws("form of places").unit(users), "right")), *forms)

    def memberships(self):
        """Of each user in the root organisation; of many in schools, boards and offices; some ended."""
        organisations = self.organisations
        for users in chunks_of(self.count):
            signed_up, states = self.signed_up(users), self.states(users)
            school, second = (
                organisations.schools_of(states, self.draws(which).unit(users))
                for which in ("school", "second school")
            )
            works = self.draws("in a school").unit(users) < np.where(signed_up, 0.1, 0.8)
            yield self.members(users, np.where(signed_up, 0, 1 + states), 0)
            yield self.members(users[works], school[works], 0.05)
            for which, members, share in [
                ("second", second, 0.04),
                ("board", organisations.of_state(organisations.boards, states), 0.02),
                ("office", organisations.of_state(organisations.offices, states), 0.05),
            ]:
                chosen = works & self.chance(f"in a {which}", users, share)
                yield self.members(users[chosen], members[chosen], 0.2)

    def members(self, users, organisations, ended):
        rows = users * self.organisations.count + organisations
        return pa.table({
            "id": text("0127", digits(rows, 15)),
            "userid": self.ids(users),
            "organisationid": self.organisations.ids_of(organisations),
            "isdeleted": self.sometimes(pa.array(self.chance("ended", rows, ended)), "no end", rows, 0.1),
        })

    def given_ids(self):
        """Ids that states gave: by organisation since 3.2, by channel before, with capitals in the oldest rows."""
        for users in chunks_of(self.count):
            users = users[~self.signed_up(users)]
            states = self.states(users)
            channels = self.organisations.channels(states)
            by_organisation, by_channel, oldest = (
                self.chance(kind, users, share)
                for kind, share in [("id", 0.8), ("id by channel", 0.15), ("oldest id", 0.02)]
            )
            organisations = self.organisations.ids_of(1 + states)
            for kind, chosen, providers in [
                ("EXT", by_organisation, organisations),
                ("Chn", by_channel, channels),
                ("OLD", oldest & ~by_channel, pc.utf8_upper(channels)),
            ]:
                yield self.identities(kind, users[chosen], providers.filter(pa.array(chosen)))

    def identities(self, kind, users, providers):
        """`externalid` is kept in small letters, `originalexternalid` as it was given."""
        given = text(kind, digits(users, 9))
        return pa.table({
            "userid": self.ids(users),
            "idtype": providers,
            "provider": providers,
            "externalid": pc.utf8_lower(given),
            "originalexternalid": self.sometimes(given, f"{kind} not as given", users, 0.05),
            "originalprovider": self.sometimes(providers, f"{kind} without its provider", users, 0.05),
        })

    def declarations(self):
        """Of many who signed up, and a few others; some made a second one later."""
        for users in chunks_of(self.count):
            share = np.where(self.signed_up(users), 0.6, 0.01)
            users = users[self.draws("declares").unit(users) < share]
            states = self.states(users)
            yield self.declared("teacher", users, states)
            again = self.chance("declares again", users, 0.05)
            yield self.declared("volunteer", users[again], (states[again] + 1) % STATES)

    def declared(self, persona, users, states):
        created = FIRST_DAY + self.below(f"{persona} declared", users, DAYS * DAY)
        updated = created + self.below(f"{persona} updated", users, 30 * DAY)
        return pa.table({
            "userid": self.ids(users),
            "orgid": self.organisations.ids_of(1 + states),
            "persona": repeated(persona, len(users)),
            "userinfo": self.declared_entries(persona, users),
            "createdon": moments(created),
            "updatedon": self.sometimes(moments(updated), f"{persona} never updated", users, 0.5),
        })

    def declared_entries(self, persona, users):
        """A map with an id, a school and the school's code, each mostly there."""
        columns = [
            ("declared-ext-id", text("D-", persona, digits(users, 8)), 0.9),
            ("declared-school-name", self.one_of(DECLARED_SCHOOLS, "declared", users), 0.7),
            ("declared-school-udise-code", text("2917", digits(users % 9973, 7)), 0.8),
        ]
        present = np.stack([self.chance(f"{persona} {key}", users, share) for key, _, share in columns], axis=1)
        entries = np.flatnonzero(present)
        places = entries // len(columns) + entries % len(columns) * len(users)
        return pa.MapArray.from_arrays(
            offsets_of(present.sum(axis=1)),
            taken(pa.array([key for key, _, _ in columns]), entries % len(columns)),
            pa.concat_arrays([values for _, values, _ in columns]).take(pa.array(places)),
        )
