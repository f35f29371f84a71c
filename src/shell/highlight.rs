//! Colours for SQL while it is typed.

use nu_ansi_term::{Color, Style};
use reedline::{Highlighter, StyledText};

use super::completion::is_keyword;
use super::sql_names::SharedSqlNames;
use super::statements::is_command;
use super::tokens::{Kind, tokens};

/// The highlighter of the editor.
pub struct ShellHighlighter {
    names: SharedSqlNames,
}

impl ShellHighlighter {
    /// A highlighter with names that the shell keeps up to date.
    pub fn new(names: SharedSqlNames) -> Self {
        Self { names }
    }

    fn style(&self, kind: Kind, text: &str) -> Style {
        let plain = Style::new();
        match kind {
            Kind::Text => plain.fg(Color::Green),
            Kind::Number => plain.fg(Color::Cyan),
            Kind::Parameter => plain.fg(Color::Purple),
            Kind::Comment => plain.dimmed(),
            Kind::Word if self.is_known(text) => plain.fg(Color::Yellow),
            Kind::Word if is_keyword(text) => plain.fg(Color::Blue).bold(),
            Kind::Word | Kind::QuotedName | Kind::Space | Kind::Semicolon | Kind::Symbol => plain,
        }
    }

    /// Whether a table has this name, as many table names are keywords of some SQL dialect.
    fn is_known(&self, word: &str) -> bool {
        self.names.read().is_ok_and(|names| names.table(word).is_some())
    }
}

impl Highlighter for ShellHighlighter {
    fn highlight(&self, line: &str, _cursor: usize) -> StyledText {
        let mut styled = StyledText::new();
        if is_command(line) {
            styled.push((Style::new().fg(Color::Purple), line.to_owned()));
            return styled;
        }
        for token in tokens(line) {
            let text = &line[token.range];
            styled.push((self.style(token.kind, text), text.to_owned()));
        }
        styled
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keywords_and_texts_have_colours() {
        let styled = ShellHighlighter::new(SharedSqlNames::default()).highlight("select 'a', b from t", 0);
        let coloured = styled.buffer.iter().filter(|(style, _)| !style.is_plain());
        let coloured: Vec<&str> = coloured.map(|(_, text)| text.as_str()).collect();
        assert_eq!(coloured, ["select", "'a'", "from"]);
    }

    proptest! {
        #[test]
        fn the_text_stays_as_it_is(line in any::<String>(), cursor in any::<usize>()) {
            let styled = ShellHighlighter::new(SharedSqlNames::default()).highlight(&line, cursor);
            prop_assert_eq!(styled.raw_string(), line);
        }
    }
}
