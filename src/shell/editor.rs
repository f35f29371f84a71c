//! The line editor: prompt, keys, colours, completion and history.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use reedline::{
    ColumnarMenu, Emacs, FileBackedHistory, KeyCode, KeyModifiers, MenuBuilder, Prompt, PromptEditMode,
    PromptHistorySearch, PromptHistorySearchStatus, Reedline, ReedlineEvent, ReedlineMenu, ValidationResult, Validator,
    default_emacs_keybindings,
};

use super::completion::ShellCompleter;
use super::highlight::ShellHighlighter;
use super::history_file;
use super::sql_names::SharedSqlNames;
use super::statements::is_complete;
use crate::ids::SnapshotDate;

const MENU: &str = "completions";

/// Settings of the editor.
pub struct EditorOptions<'a> {
    pub names: SharedSqlNames,
    pub colors: bool,
    /// `None`: no history is kept.
    pub history: Option<&'a Path>,
    /// When set, the editor abandons its line.
    pub stop: Arc<AtomicBool>,
}

/// The editor, and the error where its history could not be opened.
pub fn new_editor(options: EditorOptions<'_>) -> (Reedline, Option<std::io::Error>) {
    let (history, failure) = match options.history.map(history_file::open) {
        Some(Ok(history)) => (history, None),
        Some(Err(error)) => (FileBackedHistory::default(), Some(error)),
        None => (FileBackedHistory::default(), None),
    };
    let mut keys = default_emacs_keybindings();
    keys.add_binding(
        KeyModifiers::NONE,
        KeyCode::Tab,
        ReedlineEvent::UntilFound(vec![ReedlineEvent::Menu(MENU.to_owned()), ReedlineEvent::MenuNext]),
    );
    let menu = ColumnarMenu::default().with_name(MENU).with_marker("");
    let editor = Reedline::create()
        .with_history(Box::new(history))
        // Lines that begin with a space are not kept in the history.
        .with_history_exclusion_prefix(Some(" ".to_owned()))
        .with_validator(Box::new(WholeStatements))
        .with_highlighter(Box::new(ShellHighlighter::new(Arc::clone(&options.names))))
        .with_completer(Box::new(ShellCompleter::new(options.names)))
        .with_menu(ReedlineMenu::EngineCompleter(Box::new(menu)))
        .with_quick_completions(true)
        .with_partial_completions(true)
        .with_edit_mode(Box::new(Emacs::new(keys)))
        .with_ansi_colors(options.colors)
        .use_bracketed_paste(true)
        .with_break_signal(options.stop);
    (editor, failure)
}

/// Enter runs complete input, and begins a new line otherwise.
struct WholeStatements;

impl Validator for WholeStatements {
    fn validate(&self, text: &str) -> ValidationResult {
        if is_complete(text) {
            ValidationResult::Complete
        } else {
            ValidationResult::Incomplete
        }
    }
}

/// The prompt `2026-11-22> `; dots on continuation lines.
pub struct ShellPrompt {
    /// The day of the snapshot.
    pub date: SnapshotDate,
}

impl Prompt for ShellPrompt {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Owned(self.date.to_string())
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_indicator(&self, _mode: PromptEditMode) -> Cow<'_, str> {
        Cow::Borrowed("> ")
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Borrowed("      ...> ")
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        let found = match search.status {
            PromptHistorySearchStatus::Passing => "",
            PromptHistorySearchStatus::Failing => "nothing ",
        };
        Cow::Owned(format!(" ({found}like '{}')> ", search.term))
    }
}
