//! Marks: comments that name the part of the template to which a line or an item belongs.
//!
//! ```text
//! pub hub: Hub, // only with realtime                  the line
//!
//! // only with realtime                                the item below, up to its closing bracket
//! supervisor.spawn("realtime hub", {
//!
//! // only with realtime: begin                         everything up to the end
//! // only with realtime: end
//! ```
//!
//! In YAML, TOML and shell a mark is `# only with realtime`, in Markdown `<!-- only with realtime -->`. Above a heading
//! it covers the section, above a TOML table the table, above other text the paragraph. `a or b` names two parts: one
//! of them is enough.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Context, Result, bail};
use regex::Regex;

static MARK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"[ \t]*(?://|#|<!--|;) only with ([a-z_]+(?: or [a-z_]+)*)(: begin|: end)?(?: -->)?(?P<rest>.*)$").ok()
});

/// What a mark covers depends on the language.
#[derive(Clone, Copy, PartialEq)]
enum Language {
    /// Items end where their brackets are closed: Rust, TypeScript, Python.
    Code,
    /// Items end where the indentation returns: YAML, just.
    Indented,
    /// Tables end at the next table, other items with their line.
    Toml,
    /// Sections end at the next heading, paragraphs at an empty line.
    Markdown,
}

fn language(path: &Path) -> Language {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("md") => Language::Markdown,
        Some("rs" | "ts" | "html") => Language::Code,
        Some("toml" | "ini" | "conf" | "env") => Language::Toml,
        _ => Language::Indented,
    }
}

/// The text without marks, and without what belongs only to parts that are not `kept`.
///
/// # Errors
/// When a mark is not of the form above. The message has the line.
pub fn cut(path: &Path, text: &str, kept: &BTreeSet<String>) -> Result<String> {
    let mark = MARK.as_ref().context("the pattern of marks")?;
    let language = language(path);
    let lines: Vec<&str> = text.lines().collect();
    let mut out: Vec<String> = Vec::with_capacity(lines.len());
    let mut index = 0;
    while let Some(&line) = lines.get(index) {
        index += 1;
        let Some(found) = mark.captures(line) else {
            out.push(line.to_owned());
            continue;
        };
        let names = &found[1];
        let is_kept = names.split(" or ").any(|name| kept.contains(name));
        let before = &line[..found.get(0).map_or(0, |whole| whole.start())];
        let rest = &found["rest"];
        if !before.trim().is_empty() {
            if is_kept {
                out.push(format!("{before}{rest}"));
            }
            continue;
        }
        match found.get(2).map(|part| part.as_str()) {
            Some(": begin") => {
                let end = format!("only with {names}: end");
                let length = lines[index..]
                    .iter()
                    .position(|line| line.contains(&end))
                    .with_context(|| format!("{}:{index}: no `{end}`", path.display()))?;
                let block: Vec<&str> = lines[index..index + length].to_vec();
                index += length + 1;
                if is_kept {
                    // Marks inside the block.
                    out.extend(cut(path, &block.join("\n"), kept)?.lines().map(str::to_owned));
                } else {
                    skip_empty_line(&out, &lines, &mut index);
                }
            }
            Some(_) => bail!("{}:{index}: an end without its begin", path.display()),
            None if is_kept => {}
            None => {
                index += covered(language, &lines[index..]);
                skip_empty_line(&out, &lines, &mut index);
            }
        }
    }
    // Where the last item is removed.
    while out.len() < lines.len() && out.last().is_some_and(String::is_empty) {
        out.pop();
    }
    Ok(out.join("\n") + "\n")
}

/// Where an item between empty lines is removed, one empty line is enough.
fn skip_empty_line(out: &[String], lines: &[&str], index: &mut usize) {
    let is_empty_before = out.last().is_none_or(|line| line.trim().is_empty() || line.trim_end().ends_with('{'));
    if is_empty_before && lines.get(*index).is_some_and(|line| line.trim().is_empty()) {
        *index += 1;
    }
}

/// How many lines the item at the beginning has.
fn covered(language: Language, lines: &[&str]) -> usize {
    let Some(first) = lines.first() else { return 0 };
    let rest = || lines.iter().enumerate().skip(1);
    let until =
        |is_next: &dyn Fn(&str) -> bool| rest().find(|(_, line)| is_next(line)).map_or(lines.len(), |(index, _)| index);
    match language {
        Language::Markdown => match first.bytes().take_while(|byte| *byte == b'#').count() {
            0 => until(&|line| line.trim().is_empty()),
            level => {
                // A comment in a block of code is no heading.
                let mut is_code = false;
                let next = rest().find(|(_, line)| {
                    is_code ^= line.starts_with("```");
                    let other = line.bytes().take_while(|byte| *byte == b'#').count();
                    !is_code && (1..=level).contains(&other) && line.as_bytes().get(other) == Some(&b' ')
                });
                let next = next.map_or(lines.len(), |(index, _)| index);
                // A mark above the next heading belongs to it.
                if next < lines.len() && lines[next - 1].starts_with("<!-- only with") { next - 1 } else { next }
            }
        },
        Language::Toml
            if lines.iter().find(|line| !line.starts_with('#')).is_some_and(|line| line.starts_with('[')) =>
        {
            // The comments above the next table belong to it.
            let head = lines.iter().take_while(|line| line.starts_with('#')).count();
            let next = lines[head + 1..]
                .iter()
                .position(|line| line.starts_with('['))
                .map_or(lines.len(), |index| head + 1 + index);
            let comments = lines[..next].iter().rev().take_while(|line| line.starts_with('#')).count();
            if next == lines.len() { next } else { next - comments }
        }
        Language::Code | Language::Toml => bracketed(lines),
        Language::Indented => {
            let comments = lines.iter().take_while(|line| line.trim_start().starts_with('#')).count();
            let Some(head) = lines.get(comments) else { return lines.len() };
            let indent = indentation(head);
            let body = lines[comments + 1..]
                .iter()
                .take_while(|line| line.trim().is_empty() || indentation(line) > indent)
                .count();
            // Empty lines at the end stay.
            let end = comments + 1 + body;
            end - lines[..end].iter().rev().take_while(|line| line.trim().is_empty()).count()
        }
    }
}

/// Comments and attributes, then lines until all brackets are closed and the next line is not indented further.
fn bracketed(lines: &[&str]) -> usize {
    let Some(first) = lines.first() else { return 0 };
    let indent = indentation(first);
    let (mut depth, mut has_begun) = (0_i32, false);
    for (index, line) in lines.iter().enumerate() {
        let trimmed = line.trim();
        let is_prelude = ["//", "#[", "# "].iter().any(|start| trimmed.starts_with(start));
        depth += balance(trimmed);
        has_begun |= !is_prelude;
        let continues = lines.get(index + 1).is_some_and(|next| {
            let next_trimmed = next.trim_start();
            (!next_trimmed.is_empty() && indentation(next) > indent) || next_trimmed.starts_with("where")
        });
        if has_begun && depth <= 0 && !continues {
            return index + 1;
        }
    }
    lines.len()
}

/// Opening minus closing brackets, without those in texts and comments.
fn balance(line: &str) -> i32 {
    let (mut depth, mut quoted, mut previous) = (0, false, ' ');
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        // As in '"' and '('.
        let is_literal = previous == '\'' && characters.peek() == Some(&'\'');
        match character {
            '/' if !quoted && characters.peek() == Some(&'/') => break,
            '"' if quoted => quoted = previous == '\\',
            '"' => quoted = !is_literal,
            '(' | '[' | '{' if !quoted && !is_literal => depth += 1,
            ')' | ']' | '}' if !quoted && !is_literal => depth -= 1,
            _ => {}
        }
        // A backslash that is escaped does not escape.
        previous = if (previous, character) == ('\\', '\\') { ' ' } else { character };
    }
    depth
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_as(name: &str, text: &str, kept: &[&str]) -> String {
        let kept = kept.iter().map(|&part| part.to_owned()).collect();
        cut(Path::new(name), text, &kept).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn mark_behind_a_line_covers_the_line() {
        let text = "a\nb, // only with realtime\nc\n";
        assert_eq!(cut_as("x.rs", text, &[]), "a\nc\n");
        assert_eq!(cut_as("x.rs", text, &["realtime"]), "a\nb,\nc\n");
        let row = "| a | b <!-- only with realtime or items --> |\n";
        assert_eq!(cut_as("x.md", row, &["items"]), "| a | b |\n");
        assert_eq!(cut_as("x.md", row, &["other"]), "\n");
    }

    #[test]
    fn mark_above_an_item_covers_it_to_its_closing_bracket() {
        let text = "one();\n// only with realtime\n/// Why.\n#[test]\nfn two(\n    a: u8,\n) {\n    call(\"{\");\n}\n\nthree();\n";
        assert_eq!(cut_as("x.rs", text, &[]), "one();\n\nthree();\n");
        let chain = "x\n    // only with realtime\n    .a(\n        b,\n    )\n    .c()\n";
        assert_eq!(cut_as("x.rs", chain, &[]), "x\n    .c()\n");
        let statement = "// only with realtime\nlet a = b\n    .c()\n    .d();\nlet e = f;\n";
        assert_eq!(cut_as("x.rs", statement, &[]), "let e = f;\n");
    }

    #[test]
    fn mark_above_a_table_section_or_block_covers_it() {
        let toml = "[a]\nx = 1\n\n# only with realtime\n[b]\ny = 1\n\n# About c.\n[c]\n";
        assert_eq!(cut_as("x.toml", toml, &[]), "[a]\nx = 1\n\n# About c.\n[c]\n");
        let markdown = "# A\n\n<!-- only with realtime -->\n## B\n\n```sh\n# code\n```\n\n### C\n\n## D\n";
        assert_eq!(cut_as("x.md", markdown, &[]), "# A\n\n## D\n");
        let yaml = "a:\n  # only with realtime\n  # Why.\n  b:\n    c: 1\n\n  d: 2\n";
        assert_eq!(cut_as("x.yml", yaml, &[]), "a:\n\n  d: 2\n");
    }

    #[test]
    fn quotes_in_texts_and_characters_do_not_hide_brackets() {
        for inside in [r#"a("b 'c'");"#, r#"a("\\");"#, r#"a('"');"#, r#"a("\"(");"#] {
            let text = format!("// only with realtime\nfn one() {{\n    {inside}\n}}\n\nfn two() {{}}\n");
            assert_eq!(cut_as("x.rs", &text, &[]), "fn two() {}\n", "{inside}");
        }
    }

    #[test]
    fn block_without_its_end_is_an_error() {
        let kept = BTreeSet::new();
        assert!(cut(Path::new("x.rs"), "// only with realtime: begin\na\n", &kept).is_err());
        assert_eq!(
            cut_as("x.rs", "a\n// only with realtime: begin\nb\n\nc\n// only with realtime: end\nd\n", &[]),
            "a\nd\n"
        );
    }
}
