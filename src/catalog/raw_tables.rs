//! The file `mapping.toml` beside the queries of a mapping: it declares optional raw tables and columns, tables of which at
//! least one is required, and settings for the differences between a platform's releases.
//!
//! A missing optional table is read as empty, a missing optional column as NULL of the declared type, so that one mapping
//! supports all releases of a platform.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use figment::Figment;
use figment::providers::{Format, Toml};
use serde::{Deserialize, Serialize};

use super::error::CatalogError;
use crate::exports::{JsonColumns, NeededEntries, Snapshot, with_dictionary_keys};
use crate::queries::{Parameters, Queries};

/// The name of the file, beside the queries of a mapping.
const FILE: &str = "mapping.toml";

/// The file of one mapping.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MappingFile {
    /// Declarations by raw table.
    tables: BTreeMap<String, RawTable>,
    /// Tables that replaced each other in the platform's releases.
    one_of: Vec<OneOf>,
    /// Settings by name, which is also that of a query parameter.
    settings: BTreeMap<String, Setting>,
    /// The reason why mail cannot be sent to the addresses in `users`, where that is so.
    unusable_addresses: Option<String>,
    /// What to do about texts that are no JSON where JSON is declared, for messages.
    json_remedy: Option<String>,
    /// Whether this is the file of a mapping that Pragati ships, and not a site's own.
    #[serde(skip)]
    is_built_in: bool,
}

/// The declaration of a raw table.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawTable {
    /// Whether the table is optional. A missing one is read as empty, with the columns in `columns`.
    may_be_missing: bool,
    /// The releases that have the table, for messages.
    releases: String,
    /// Optional columns, each with the type of its NULLs where it is missing.
    columns: BTreeMap<String, ColumnType>,
    /// Maps whose keys repeat from row to row. The mapping's queries read them as dictionaries, which functions of maps
    /// other than `count_in_map` may not take.
    repeated_keys: BTreeSet<String>,
    /// The column of `repeated_keys` of which the mapping's queries need some entries alone. Others may be missing.
    needed_entries: Option<EntriesOfColumn>,
    /// Text columns that hold JSON. A table in which none of the texts of such a column is JSON is refused.
    json: BTreeSet<String>,
    /// Text columns that hold JSON for which the queries have a substitute.
    optional_json: BTreeSet<String>,
    /// The column that names a row in messages.
    id: Option<String>,
}

/// The entries of a column of maps of texts to integers that the queries of a mapping need.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntriesOfColumn {
    column: String,
    /// The value of the needed entries.
    value: i32,
    /// A column of timestamps: in rows where it is not NULL, no entries are needed.
    unless: Option<String>,
}

/// Alternative tables, of which an export must have at least one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct OneOf {
    /// The tables, newest first.
    tables: Vec<String>,
    /// A description of their content, for messages.
    holding: String,
}

/// A setting for a difference between the platform's releases.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Setting {
    /// The allowed values; the first is the default.
    values: Vec<String>,
    /// By value, the raw tables that are required with it, although they are optional otherwise.
    #[serde(default)]
    needs: BTreeMap<String, Vec<String>>,
}

/// The types of optional columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum ColumnType {
    #[serde(rename = "text")]
    Text,
    #[serde(rename = "boolean")]
    Boolean,
    #[serde(rename = "integer")]
    Integer,
    #[serde(rename = "number")]
    Number,
    #[serde(rename = "timestamp")]
    Timestamp,
    #[serde(rename = "date")]
    Date,
    #[serde(rename = "list of text")]
    TextList,
    #[serde(rename = "map of text to text")]
    TextMap,
    #[serde(rename = "map of text to integer")]
    IntegerMap,
    #[serde(rename = "map of text to number")]
    NumberMap,
}

impl ColumnType {
    fn data_type(self) -> DataType {
        let map = |values: DataType| {
            let key = Arc::new(Field::new("key", DataType::Utf8, false));
            let value = Arc::new(Field::new("value", values, true));
            let entries = Field::new("entries", DataType::Struct(vec![key, value].into()), false);
            DataType::Map(Arc::new(entries), false)
        };
        match self {
            Self::Text => DataType::Utf8,
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Date => DataType::Date32,
            Self::TextList => DataType::new_list(DataType::Utf8, true),
            Self::TextMap => map(DataType::Utf8),
            Self::IntegerMap => map(DataType::Int64),
            Self::NumberMap => map(DataType::Float64),
        }
    }
}

impl MappingFile {
    /// The name of a raw table, with the releases that have it where they are declared.
    fn with_releases(&self, table: &str) -> String {
        let said = self.tables.get(table).filter(|table| !table.releases.is_empty());
        said.map_or_else(|| table.to_owned(), |said| format!("{table} ({})", said.releases))
    }
}

/// What a mapping found in a snapshot, and its settings; for the log, `check` and the manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingUsed {
    /// The name of the mapping: the folder of its queries.
    pub name: String,
    /// Missing raw tables, which are read as empty.
    pub missing_tables: Vec<String>,
    /// Missing columns, as `table.column`, which are read as NULL.
    pub missing_columns: Vec<String>,
    /// The chosen settings of the mapping.
    pub settings: BTreeMap<String, String>,
}

impl MappingUsed {
    /// Logs it, unless it equals the last one that was logged: a service opens the exports repeatedly.
    pub fn log_once(&self) {
        static SAID: Mutex<Option<MappingUsed>> = Mutex::new(None);
        let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
        if said.as_ref() != Some(self) {
            tracing::info!("{self}");
            *said = Some(self.clone());
        }
    }
}

impl std::fmt::Display for MappingUsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |names: &[String]| match names {
            [] => "none".to_owned(),
            names => names.join(", "),
        };
        write!(
            f,
            "mapping {}: missing tables (read as empty): {}; missing columns (read as NULL): {}",
            self.name,
            list(&self.missing_tables),
            list(&self.missing_columns)
        )?;
        for (name, value) in &self.settings {
            write!(f, "; {name} = {value}")?;
        }
        Ok(())
    }
}

/// The declarations of all mappings of a configuration.
#[derive(Debug, Clone, Default)]
pub struct RawTables {
    /// Files by mapping.
    files: BTreeMap<String, MappingFile>,
    /// The mappings that read each raw table.
    readers: BTreeMap<String, BTreeSet<String>>,
    /// The raw tables that a site's own queries read in place of those of a shipped mapping.
    read_by_own_queries: BTreeSet<String>,
}

impl RawTables {
    /// Adds the file of the mapping of the query `layer/…/name`, which reads `raw_tables`.
    ///
    /// # Errors
    /// Where the mapping's file is invalid.
    pub fn add<'a>(
        &mut self,
        query: &str,
        raw_tables: impl IntoIterator<Item = &'a String>,
        queries: &Queries,
    ) -> Result<(), CatalogError> {
        let folder = query.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !self.files.contains_key(folder) {
            self.files.insert(folder.to_owned(), read(folder, queries)?);
        }
        for table in raw_tables {
            let readers = self.readers.entry(table.clone()).or_default();
            readers.insert(folder.to_owned());
        }
        Ok(())
    }

    /// Notes that queries of the site read `raw_tables` in place of those of the mapping: they may need other entries of
    /// maps than the mapping's file says.
    pub fn note_own_queries<'a>(&mut self, raw_tables: impl IntoIterator<Item = &'a String>) {
        self.read_by_own_queries.extend(raw_tables.into_iter().cloned());
    }

    /// Whether the raw table is optional in every mapping that reads it.
    pub fn may_be_missing(&self, table: &str) -> bool {
        let readers = self.readers.get(table).into_iter().flatten();
        let mut said = readers.map(|folder| self.files.get(folder)?.tables.get(table));
        said.all(|table| table.is_some_and(|table| table.may_be_missing))
    }

    /// Adds the missing optional columns to the schema of a raw table, and returns their names. A column that holds
    /// only NULL may lack a type; it gets the declared one.
    pub fn completed(&self, table: &str, found: SchemaRef) -> (SchemaRef, Vec<String>) {
        let readers = self.readers.get(table).into_iter().flatten();
        let declared = readers.filter_map(|folder| self.files.get(folder)?.tables.get(table));
        let mut fields: Vec<Arc<Field>> = found.fields().iter().cloned().collect();
        let mut missing = Vec::new();
        for (name, kind) in declared.flat_map(|table| &table.columns) {
            let field = Arc::new(Field::new(name, kind.data_type(), true));
            match fields.iter().position(|field| field.name() == name) {
                Some(place) if fields[place].data_type() == &DataType::Null => fields[place] = field,
                Some(_) => {}
                None => {
                    fields.push(field);
                    missing.push(name.clone());
                }
            }
        }
        (Arc::new(Schema::new(fields)), missing)
    }

    /// The schema of a raw table in which the maps have dictionaries as keys whose keys repeat, as every mapping that
    /// reads the table says.
    pub fn with_repeated_keys(&self, table: &str, schema: &Schema) -> SchemaRef {
        let declares = |folder: &String, column: &String| {
            let said = self.files.get(folder).and_then(|file| file.tables.get(table));
            said.is_some_and(|said| said.repeated_keys.contains(column))
        };
        let readers = self.readers.get(table);
        let is_declared =
            |column: &String| readers.is_some_and(|readers| readers.iter().all(|folder| declares(folder, column)));
        let fields = schema.fields().iter().map(|field| {
            let map = with_dictionary_keys(field.data_type()).filter(|_| is_declared(field.name()));
            match map {
                Some(map) => Arc::new(field.as_ref().clone().with_data_type(map)),
                None => Arc::clone(field),
            }
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The entries of a column of maps that are needed of a raw table, as every mapping that reads the table says, the
    /// same of each. `None` where all are. What a shipped mapping needs is not what a site's own queries in its folder do.
    pub fn needed_entries(&self, table: &str) -> Option<NeededEntries> {
        let is_own = self.read_by_own_queries.contains(table);
        let declared = |folder: &String| {
            let file = self.files.get(folder).filter(|file| !(is_own && file.is_built_in))?;
            file.tables.get(table)?.needed_entries.as_ref()
        };
        let mut readers = self.readers.get(table)?.iter().map(declared);
        let first = readers.next()??;
        readers.all(|other| other == Some(first)).then(|| NeededEntries {
            column: first.column.clone(),
            value: first.value,
            unless: first.unless.clone(),
        })
    }

    /// The columns of the raw table `table` that hold JSON, as some mapping says that reads the table; `None` where there
    /// are none. The table has `rows` rows, and `name` is its name in messages.
    pub fn json_columns(&self, table: &str, name: &str, rows: u64) -> Option<JsonColumns> {
        let readers = self.readers.get(table).into_iter().flatten();
        let files = readers.filter_map(|folder| self.files.get(folder));
        let declared = files.filter_map(|file| Some((file, file.tables.get(table)?)));
        let declared = declared.filter(|(_, said)| !said.json.is_empty() || !said.optional_json.is_empty());
        let declared: Vec<(&MappingFile, &RawTable)> = declared.collect();
        let id = declared.iter().find_map(|(_, said)| said.id.as_deref());
        let remedy = declared.iter().find_map(|(file, _)| file.json_remedy.as_deref());
        let columns = declared.iter().flat_map(|(_, said)| {
            let needed = said.json.iter().map(|column| (column, true));
            needed.chain(said.optional_json.iter().map(|column| (column, false)))
        });
        let empty = JsonColumns::new(name, rows, id, remedy);
        (!declared.is_empty()).then(|| columns.fold(empty, |all, (column, needed)| all.with_column(column, needed)))
    }

    /// Checks that the snapshot has at least one of each group of alternative tables.
    ///
    /// # Errors
    /// Names the missing tables and the releases that have them.
    pub fn check_alternatives(
        &self,
        snapshot: &Snapshot,
        raw_name: impl Fn(&str) -> String,
    ) -> Result<(), CatalogError> {
        let is_there = |table: &String| snapshot.has_files(&raw_name(table));
        for file in self.files.values() {
            for group in &file.one_of {
                let is_read = group.tables.iter().any(|table| self.readers.contains_key(table));
                if !is_read || group.tables.iter().any(is_there) {
                    continue;
                }
                let names = group.tables.iter().map(|table| file.with_releases(table));
                return Err(CatalogError::NoAlternative {
                    date: snapshot.date,
                    tables: names.collect::<Vec<_>>().join(", "),
                    holding: group.holding.clone(),
                });
            }
        }
        Ok(())
    }

    /// Checks that the snapshot has the raw tables that the chosen `settings` need.
    ///
    /// # Errors
    /// Names the setting and a missing table.
    pub fn check_needs(
        &self,
        settings: &BTreeMap<String, String>,
        snapshot: &Snapshot,
        raw_name: impl Fn(&str) -> String,
    ) -> Result<(), CatalogError> {
        for file in self.files.values() {
            for (name, setting) in &file.settings {
                let Some(value) = settings.get(name) else { continue };
                let mut needed = setting.needs.get(value).into_iter().flatten();
                let Some(table) = needed.find(|table| !snapshot.has_files(&raw_name(table))) else {
                    continue;
                };
                return Err(CatalogError::SettingNeedsTable {
                    setting: name.clone(),
                    value: value.clone(),
                    table: file.with_releases(table),
                    date: snapshot.date,
                    default: setting.values.first().cloned().unwrap_or_default(),
                });
            }
        }
        Ok(())
    }

    /// The settings of all mappings: the site's choice, or the default.
    ///
    /// # Errors
    /// Where the site sets an unknown setting, or a value that is not allowed.
    pub fn settings(&self, chosen: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, CatalogError> {
        let known = || self.files.values().flat_map(|file| &file.settings);
        if let Some(name) = chosen.keys().find(|name| !known().any(|(known, _)| known == *name)) {
            let known: Vec<&str> = known().map(|(name, _)| name.as_str()).collect();
            return Err(CatalogError::UnknownSetting {
                name: name.clone(),
                known: match known.as_slice() {
                    [] => "the mapping has none".to_owned(),
                    known => format!("known: {}", known.join(", ")),
                },
            });
        }
        let mut settings = BTreeMap::new();
        for (name, setting) in known() {
            let default = setting.values.first();
            let Some(value) = chosen.get(name).or(default) else {
                continue;
            };
            if !setting.values.contains(value) {
                return Err(CatalogError::SettingValue {
                    name: name.clone(),
                    value: value.clone(),
                    known: setting.values.join(", "),
                });
            }
            settings.insert(name.clone(), value.clone());
        }
        Ok(settings)
    }

    /// The reason why mail cannot be sent to users, where the mapping of the query `layer/…/users` declares one.
    pub fn unusable_addresses(&self, query: &str) -> Option<&str> {
        let (folder, _) = query.rsplit_once('/')?;
        self.files.get(folder)?.unusable_addresses.as_deref()
    }

    /// The names of the mappings.
    pub fn names(&self) -> String {
        let names = self.files.keys().map(|folder| folder.trim_start_matches("staging/"));
        names.collect::<Vec<_>>().join(", ")
    }
}

/// Settings as parameters of queries.
pub fn with_settings(parameters: &Parameters, settings: &BTreeMap<String, String>) -> Parameters {
    let mut all = parameters.clone();
    for (name, value) in settings {
        all = all.with(name, value.as_str());
    }
    all
}

fn read(folder: &str, queries: &Queries) -> Result<MappingFile, CatalogError> {
    let Some((source, text)) = queries.file_beside(folder, FILE)? else {
        return Ok(MappingFile::default());
    };
    let read = Figment::from(Toml::string(&text)).extract();
    let mut file: MappingFile = read.map_err(|error: figment::Error| CatalogError::MappingFile {
        file: source,
        reason: error.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
    })?;
    let built_in = Queries::default().file_beside(folder, FILE)?;
    file.is_built_in = built_in.is_some_and(|(_, built_in)| built_in == text);
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The declarations of a site's file `staging/mine/mapping.toml` with this text.
    fn mine(text: &str, raw_tables: &[&str]) -> Result<RawTables, CatalogError> {
        let folder = tempfile::tempdir().expect("a folder");
        let mine = folder.path().join("staging/mine");
        std::fs::create_dir_all(&mine).expect("a folder");
        std::fs::write(mine.join(FILE), text).expect("a file");
        let names: Vec<String> = raw_tables.iter().map(|&name| name.to_owned()).collect();
        let mut tables = RawTables::default();
        tables.add(
            "staging/mine/users",
            &names,
            &Queries::new(Some(folder.path().to_owned())),
        )?;
        Ok(tables)
    }

    #[test]
    fn what_is_missing_gets_the_declared_type() {
        let text =
            "[tables.people]\ncolumns = { born = 'date', tags = 'list of text', marks = 'map of text to integer' }";
        let tables = mine(text, &["people"]).expect("a file");
        let found = Schema::new(vec![
            Field::new("id", DataType::Utf8, true),
            Field::new("born", DataType::Null, true),
            Field::new("tags", DataType::Utf8, true),
        ]);
        let (schema, missing) = tables.completed("people", Arc::new(found));
        assert_eq!(missing, ["marks"]);
        let types: Vec<String> = schema
            .fields()
            .iter()
            .map(|field| field.data_type().to_string())
            .collect();
        assert_eq!(types[..3], ["Utf8", "Date32", "Utf8"]);
        assert!(types[3].starts_with("Map"), "{types:?}");
        assert!(!tables.may_be_missing("people"));
    }

    #[test]
    fn maps_whose_keys_repeat_have_dictionaries_as_keys() {
        let text = "[tables.people]\nrepeated_keys = ['marks', 'name']";
        let mut tables = mine(text, &["people"]).expect("a file");
        let marks = ColumnType::IntegerMap.data_type();
        let found = Schema::new(vec![
            Field::new("marks", marks.clone(), true),
            Field::new("others", marks.clone(), true),
            Field::new("name", DataType::Utf8, true),
        ]);
        let types = |schema: &Schema| -> Vec<DataType> {
            let fields = schema.fields().iter();
            fields.map(|field| field.data_type().clone()).collect()
        };
        let numbered = with_dictionary_keys(&marks).expect("a map of texts");
        let seen = tables.with_repeated_keys("people", &found);
        assert_eq!(types(&seen), [numbered, marks, DataType::Utf8]);
        let read = vec!["people".to_owned()];
        tables
            .add("staging/other/batches", &read, &Queries::default())
            .expect("no file");
        assert_eq!(types(&tables.with_repeated_keys("people", &found)), types(&found));
    }

    #[test]
    fn entries_are_needed_as_every_mapping_says_whose_queries_are_its_own() {
        let text = "[tables.people.needed_entries]\ncolumn = 'marks'\nvalue = 2\nunless = 'left'";
        let mut tables = mine(text, &["people", "schools"]).expect("a file");
        let needed = NeededEntries {
            column: "marks".to_owned(),
            value: 2,
            unless: Some("left".to_owned()),
        };
        assert_eq!(tables.needed_entries("people"), Some(needed.clone()));
        assert_eq!(tables.needed_entries("schools"), None);
        let read = ["people".to_owned()];
        // The site's queries are beside the site's file.
        tables.note_own_queries(&read);
        assert_eq!(tables.needed_entries("people"), Some(needed));
        tables
            .add("staging/other/batches", &read, &Queries::default())
            .expect("no file");
        assert_eq!(tables.needed_entries("people"), None);
    }

    #[test]
    fn a_sites_own_query_of_a_shipped_mapping_needs_all_entries() {
        let read = ["user_enrolments".to_owned()];
        let mut tables = RawTables::default();
        tables
            .add("staging/sunbird/course_progress", &read, &Queries::default())
            .expect("the shipped file");
        let needed = tables.needed_entries("user_enrolments").expect("entries");
        assert_eq!((needed.column.as_str(), needed.value), ("contentstatus", 2));
        tables.note_own_queries(&read);
        assert_eq!(tables.needed_entries("user_enrolments"), None);
    }

    #[test]
    fn columns_of_json_are_those_that_any_mapping_declares() {
        let text =
            "json_remedy = 'export again'\n[tables.people]\nid = 'key'\njson = ['place']\noptional_json = ['more']";
        let tables = mine(text, &["people", "schools"]).expect("a file");
        let json = tables.json_columns("people", "raw.people", 7).expect("columns");
        assert_eq!(json.names(), ["place", "more"]);
        assert!(tables.json_columns("schools", "raw.schools", 7).is_none());
    }

    #[test]
    fn a_table_may_be_missing_only_where_every_mapping_says_so() {
        let text = "[tables.people]\nmay_be_missing = true";
        let mut tables = mine(text, &["people", "schools"]).expect("a file");
        assert!(tables.may_be_missing("people"));
        assert!(!tables.may_be_missing("schools"));
        let read = vec!["people".to_owned()];
        tables
            .add("staging/other/batches", &read, &Queries::default())
            .expect("no file");
        assert!(!tables.may_be_missing("people"));
    }

    #[test]
    fn settings_are_the_default_or_the_choice_of_the_site() {
        let tables = mine("[settings.school_first]\nvalues = ['membership', 'declared']", &[]).expect("a file");
        let chosen = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let default = tables.settings(&BTreeMap::new()).expect("the default");
        assert_eq!(default, chosen("school_first", "membership"));
        let declared = chosen("school_first", "declared");
        assert_eq!(tables.settings(&declared).expect("a choice"), declared);
        let message = |settings| tables.settings(&settings).expect_err("wrong").to_string();
        insta::assert_snapshot!(message(chosen("school_first", "both")), @"configuration: staging_settings.school_first cannot be 'both'; known: membership, declared");
        insta::assert_snapshot!(message(chosen("scholl", "declared")), @"configuration: the mapping has no setting 'scholl' in [staging_settings]; known: school_first");
    }

    #[test]
    fn a_file_with_a_mistake_is_named() {
        let message = mine("[tables.people]\ncolumns = { born = 'day' }", &[])
            .expect_err("a mistake")
            .to_string();
        assert!(message.contains("mapping.toml") && message.contains("day"), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
}
