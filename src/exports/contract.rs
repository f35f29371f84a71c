//! The input contract (`docs/design.md`, "Exports"): the canonical tables, their columns, and which types are accepted
//! for each.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// The canonical tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// One row a user.
    Users,
    /// One row a user in a batch.
    Enrolments,
    /// One row a user in a batch.
    CourseProgress,
    /// One row a batch; optional.
    Batches,
    /// One row a click; optional.
    DownloadEvents,
    /// Names of courses; optional.
    Courses,
    /// Names of tenants; optional.
    Tenants,
}

/// The kind of a column; decides the type that the engine sees and the types accepted in exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// A list of texts.
    TextList,
    /// True or false.
    Boolean,
    /// A number from 0 to 100; other values are limited to this range in reports.
    Percent,
    /// A moment in UTC, in microseconds.
    Timestamp,
    /// A day of the calendar.
    Date,
}

/// One column of a canonical table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The column's name in the contract.
    pub name: &'static str,
    /// Decides the column's type.
    pub kind: Kind,
    /// A file without a required column is refused; an absent optional one reads as NULL.
    pub required: bool,
}

const fn required(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        required: true,
    }
}

const fn optional(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        required: false,
    }
}

const USERS: &[Column] = &[
    required("user_id", Kind::Text),
    required("external_id", Kind::Text),
    required("first_name", Kind::Text),
    required("last_name", Kind::Text),
    required("email", Kind::Text),
    required("mobile", Kind::Text),
    required("organization_name", Kind::Text),
    required("district_name", Kind::Text),
    required("school_name", Kind::Text),
    required("block_name", Kind::Text),
    required("tenant_id", Kind::Text),
];

/// The columns of `users` that identify a person.
const PERSONAL: [&str; 5] = ["external_id", "first_name", "last_name", "email", "mobile"];

const ENROLMENTS: &[Column] = &[
    required("user_id", Kind::Text),
    required("course_id", Kind::Text),
    required("batch_id", Kind::Text),
    required("enrolled_at", Kind::Timestamp),
    required("active", Kind::Boolean),
];

const COURSE_PROGRESS: &[Column] = &[
    required("user_id", Kind::Text),
    required("course_id", Kind::Text),
    required("batch_id", Kind::Text),
    required("progress_percent", Kind::Percent),
    required("completed_at", Kind::Timestamp),
];

const BATCHES: &[Column] = &[
    required("batch_id", Kind::Text),
    required("course_id", Kind::Text),
    optional("batch_name", Kind::Text),
    optional("tenant_id", Kind::Text),
    optional("created_by", Kind::Text),
    optional("mentors", Kind::TextList),
    optional("start_date", Kind::Date),
    optional("end_date", Kind::Date),
];

const DOWNLOAD_EVENTS: &[Column] = &[
    required("mid", Kind::Text),
    required("event_time", Kind::Timestamp),
    required("user_id", Kind::Text),
    required("course_id", Kind::Text),
    required("batch_id", Kind::Text),
    required("tenant_id", Kind::Text),
    optional("source", Kind::Text),
];

const COURSES: &[Column] = &[required("course_id", Kind::Text), required("course_name", Kind::Text)];

const TENANTS: &[Column] = &[required("tenant_id", Kind::Text), required("tenant_name", Kind::Text)];

impl Table {
    /// Every canonical table, required ones first.
    pub const ALL: [Self; 7] = [
        Self::Users,
        Self::Enrolments,
        Self::CourseProgress,
        Self::Batches,
        Self::DownloadEvents,
        Self::Courses,
        Self::Tenants,
    ];

    /// The name in exports, SQL and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Enrolments => "enrolments",
            Self::CourseProgress => "course_progress",
            Self::Batches => "batches",
            Self::DownloadEvents => "download_events",
            Self::Courses => "courses",
            Self::Tenants => "tenants",
        }
    }

    /// The table of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    /// A snapshot without a required table is not usable.
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Users | Self::Enrolments | Self::CourseProgress)
    }

    /// Whether the snapshot lacks the table where neither the exports nor a mapping have it. Other optional tables are
    /// then empty, or derived from required ones.
    pub const fn may_be_absent(self) -> bool {
        matches!(self, Self::Courses | Self::Tenants)
    }

    /// Events arrive day by day, so all days up to the snapshot's are read; other tables are whole every day.
    pub const fn arrives_daily(self) -> bool {
        matches!(self, Self::DownloadEvents)
    }

    /// Whether a column is personal data: it identifies or locates a person. The platform's own user id is not counted.
    pub fn is_personal(self, column: &str) -> bool {
        matches!(self, Self::Users) && PERSONAL.contains(&column)
    }

    /// The columns, in contract order.
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::Users => USERS,
            Self::Enrolments => ENROLMENTS,
            Self::CourseProgress => COURSE_PROGRESS,
            Self::Batches => BATCHES,
            Self::DownloadEvents => DOWNLOAD_EVENTS,
            Self::Courses => COURSES,
            Self::Tenants => TENANTS,
        }
    }

    /// The column of that name.
    pub fn column(self, name: &str) -> Option<&'static Column> {
        self.columns().iter().find(|column| column.name == name)
    }

    /// The schema that the engine sees, whatever the exporter wrote.
    pub fn schema(self) -> SchemaRef {
        let fields: Vec<Field> = self
            .columns()
            .iter()
            .map(|column| Field::new(column.name, column.kind.data_type(), true))
            .collect();
        Arc::new(Schema::new(fields))
    }
}

/// The value of the field metadata `ARROW:extension:name` for UUIDs.
pub const UUID_EXTENSION: &str = "arrow.uuid";
const UUID_BYTES: i32 = 16;

/// Whether a field is a UUID: 16 bytes with the extension type [`UUID_EXTENSION`].
pub fn is_uuid(field: &Field) -> bool {
    let bytes = match field.data_type() {
        DataType::Dictionary(_, bytes) => bytes,
        bytes => bytes,
    };
    matches!(bytes, DataType::FixedSizeBinary(UUID_BYTES)) && field.extension_type_name() == Some(UUID_EXTENSION)
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Kind {
    /// The one type that the engine sees.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8View,
            Self::TextList => DataType::new_list(DataType::Utf8View, true),
            Self::Boolean => DataType::Boolean,
            Self::Percent => DataType::Float64,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Date => DataType::Date32,
        }
    }

    /// The expected types, for error messages.
    pub const fn expectation(self) -> &'static str {
        match self {
            Self::Text => "text (Utf8)",
            Self::TextList => "a list of text (List<Utf8>)",
            Self::Boolean => "Boolean",
            Self::Percent => "a number (Int or Float)",
            Self::Timestamp => "a Timestamp in UTC",
            Self::Date => "a Date",
        }
    }

    /// Whether a column of this type may convert without guessing. Single values may still be refused when they are read
    /// ([`canonical_array`](super::convert::canonical_array)).
    pub fn accepts(self, exported: &Field) -> bool {
        use DataType as T;
        let found = match exported.data_type() {
            T::Dictionary(_, value) => value.as_ref(),
            found => found,
        };
        let is_text = found.is_string() || matches!(found, T::Binary | T::LargeBinary | T::BinaryView);
        let is_of_kind = match self {
            Self::Text => found.is_integer() || found.is_decimal() || is_uuid(exported),
            Self::TextList => match found {
                T::List(item)
                | T::LargeList(item)
                | T::FixedSizeList(item, _)
                | T::ListView(item)
                | T::LargeListView(item) => Self::Text.accepts(item),
                _ => false,
            },
            Self::Boolean => matches!(found, T::Boolean) || found.is_numeric(),
            Self::Percent => found.is_numeric(),
            Self::Timestamp => matches!(found, T::Timestamp(_, _)),
            Self::Date => matches!(found, T::Date32 | T::Date64 | T::Timestamp(_, _)),
        };
        matches!(found, T::Null) || is_text || is_of_kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(kind: Kind, exported: DataType) -> bool {
        kind.accepts(&Field::new("column", exported, true))
    }

    #[test]
    fn accepts_what_exporters_write_and_refuses_guesses() {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int16), Box::new(DataType::LargeUtf8));
        let all = [
            Kind::Text,
            Kind::TextList,
            Kind::Boolean,
            Kind::Percent,
            Kind::Timestamp,
            Kind::Date,
        ];
        for kind in all {
            for text in [DataType::Utf8, DataType::BinaryView, DataType::Null, dictionary.clone()] {
                assert!(accepts(kind, text.clone()), "{kind:?} of {text}");
            }
            assert!(accepts(kind, kind.data_type()), "{kind:?}");
            assert!(!accepts(kind, DataType::Duration(TimeUnit::Second)), "{kind:?}");
        }
        assert!(accepts(Kind::Text, DataType::Decimal128(38, 0)));
        assert!(accepts(Kind::Boolean, DataType::UInt8));
        assert!(accepts(Kind::Percent, DataType::Decimal128(5, 2)));
        assert!(accepts(
            Kind::Timestamp,
            DataType::Timestamp(TimeUnit::Nanosecond, None)
        ));
        assert!(accepts(Kind::TextList, DataType::new_large_list(DataType::Int64, true)));
        assert!(!accepts(Kind::Timestamp, DataType::Int64));
        assert!(!accepts(Kind::Date, DataType::Int32));
        assert!(!accepts(Kind::Text, DataType::Float64));
        assert!(!accepts(Kind::TextList, DataType::new_list(DataType::Float64, true)));
    }

    #[test]
    fn sixteen_bytes_are_an_id_where_they_are_a_uuid() {
        let bytes = Field::new("column", DataType::FixedSizeBinary(16), true);
        assert!(!Kind::Text.accepts(&bytes));
        let name = ("ARROW:extension:name".to_owned(), UUID_EXTENSION.to_owned());
        assert!(Kind::Text.accepts(&bytes.with_metadata([name].into())));
    }
}
