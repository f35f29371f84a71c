//! The columns of `enrolment_details`, and the projection of a reader.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};

use super::users::detail_columns;
use crate::exports::Kind;

/// A column of `queries/reports/enrolment_details.sql`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    BatchId,
    CourseId,
    TenantId,
    UserId,
    EnrolledAt,
    HasProgress,
    ProgressPercent,
    CompletedAt,
    KnownUser,
    /// A text of the user, by its position among [`detail_columns`].
    Text(usize),
}

/// The columns before the users' texts, in order.
const FIRST: [Column; 9] = [
    Column::BatchId,
    Column::CourseId,
    Column::TenantId,
    Column::UserId,
    Column::EnrolledAt,
    Column::HasProgress,
    Column::ProgressPercent,
    Column::CompletedAt,
    Column::KnownUser,
];

/// The wanted columns of a reader, in its order. What none of them needs is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    columns: Vec<Column>,
    /// Positions among [`detail_columns`] of the wanted texts, ascending.
    texts: Vec<usize>,
}

impl Wanted {
    /// All columns.
    pub fn all() -> Self {
        Self::of_columns(all_columns().collect())
    }

    /// The columns at these positions of [`details_schema`]; all for `None`.
    pub fn at(positions: Option<&[usize]>) -> Self {
        let Some(positions) = positions else {
            return Self::all();
        };
        let all: Vec<Column> = all_columns().collect();
        Self::of_columns(
            positions
                .iter()
                .filter_map(|&position| all.get(position).copied())
                .collect(),
        )
    }

    fn of_columns(columns: Vec<Column>) -> Self {
        let text = |column: &Column| match column {
            Column::Text(position) => Some(*position),
            _ => None,
        };
        let mut texts: Vec<usize> = columns.iter().filter_map(text).collect();
        texts.sort_unstable();
        texts.dedup();
        Self { columns, texts }
    }

    /// The same columns, where all texts of users are read if one is: a file of users that cannot be decoded ends the
    /// report of one batch as it ends a nightly run, whose mart has all of them.
    pub fn reading_all_texts(mut self) -> Self {
        if !self.texts.is_empty() {
            self.texts = (0..detail_columns().count()).collect();
        }
        self
    }

    /// The columns, in the order in which they are wanted.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Whether a column needs the table `course_progress`.
    pub fn has_progress(&self) -> bool {
        let needs = [Column::HasProgress, Column::ProgressPercent, Column::CompletedAt];
        self.columns.iter().any(|column| needs.contains(column))
    }

    /// Whether a column is about the user, so that the table `users` is needed.
    pub fn is_about_users(&self) -> bool {
        let is_about_user = |column: &Column| matches!(column, Column::UserId | Column::KnownUser | Column::Text(_));
        self.columns.iter().any(is_about_user)
    }

    /// Whether this column is wanted.
    pub fn has(&self, column: Column) -> bool {
        self.columns.contains(&column)
    }

    /// The names that the table `users` has for the wanted texts, in contract order.
    pub fn texts(&self) -> Vec<&'static str> {
        let all: Vec<&'static str> = detail_columns().map(|(name, _)| name).collect();
        self.texts.iter().map(|&position| all[position]).collect()
    }

    /// The place of a text among [`Self::texts`].
    pub fn place_of_text(&self, position: usize) -> Option<usize> {
        self.texts.binary_search(&position).ok()
    }

    /// The wanted columns with their types.
    pub fn schema(&self) -> SchemaRef {
        let all = details_schema();
        let places: Vec<Column> = all_columns().collect();
        let field = |column: &Column| {
            let place = places.iter().position(|other| other == column)?;
            Some(Arc::clone(&all.fields()[place]))
        };
        Arc::new(Schema::new(self.columns.iter().filter_map(field).collect::<Vec<_>>()))
    }
}

fn all_columns() -> impl Iterator<Item = Column> {
    let texts = detail_columns().enumerate();
    FIRST
        .into_iter()
        .chain(texts.map(|(position, _)| Column::Text(position)))
}

/// The columns of `queries/reports/enrolment_details.sql`.
pub fn details_schema() -> SchemaRef {
    let column = |name: &str, kind: Kind| Field::new(name, kind.data_type(), true);
    let mut fields = vec![
        column("batch_id", Kind::Text),
        column("course_id", Kind::Text),
        column("tenant_id", Kind::Text),
        column("user_id", Kind::Text),
        column("enrolled_at", Kind::Timestamp),
        column("has_progress", Kind::Boolean).with_nullable(false),
        column("progress_percent", Kind::Percent),
        column("completed_at", Kind::Timestamp),
        column("known_user", Kind::Boolean).with_nullable(false),
    ];
    fields.extend(text_names().map(|name| column(name, Kind::Text)));
    Arc::new(Schema::new(fields))
}

/// Whether the column called `name` is a text of the user.
pub fn is_text_column(name: &str) -> bool {
    text_names().any(|text| text == name)
}

/// The names that users' texts have in `enrolment_details`: the batch has a `tenant_id` too.
fn text_names() -> impl Iterator<Item = &'static str> {
    detail_columns().map(|(name, _)| if name == "tenant_id" { "user_tenant_id" } else { name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_are_not_needed_are_not_read() {
        let none = Wanted::at(Some(&[]));
        assert!(none.columns().is_empty() && none.texts().is_empty() && !none.has_progress());
        assert!(!none.is_about_users() && !Wanted::at(Some(&[0, 1, 2, 4, 5, 6, 7])).is_about_users());
        for of_user in [3, 8, 9] {
            assert!(Wanted::at(Some(&[0, of_user])).is_about_users(), "{of_user}");
        }
        let some = Wanted::at(Some(&[18, 0, 7, 9]));
        assert_eq!(some.texts(), ["external_id", "tenant_id"]);
        assert!(some.has_progress());
        let schema = some.schema();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["user_tenant_id", "batch_id", "completed_at", "external_id"]);
        assert_eq!(Wanted::all().schema(), details_schema());
        assert_eq!(Wanted::at(None), Wanted::all());
    }
}
